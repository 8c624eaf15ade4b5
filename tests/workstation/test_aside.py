"""Works that nobody waits for, one after the other."""

from __future__ import annotations

import threading

from workstation.aside import InTurn


def test_works_are_done_in_turn_by_one_thread_and_none_piles_up_behind_one_that_hangs() -> None:
    disk, done, threads = threading.Event(), list[int](), set[int]()
    works = InTurn("a test", most=3)
    begun = threading.Event()

    def hangs() -> None:
        begun.set()
        disk.wait(10)

    works.do(hangs)
    assert begun.wait(10)
    for number in range(5):

        def work(number: int = number) -> None:
            done.append(number)
            threads.add(threading.get_ident())

        works.do(work)
    works.settle(0.01)
    assert done == []
    disk.set()
    works.settle(10)
    assert done == [2, 3, 4], "the oldest were dropped"
    assert len(threads) == 1


def test_a_work_that_fails_is_told_and_the_next_one_is_done() -> None:
    told, done = list[BaseException | None](), threading.Event()
    before, threading.excepthook = threading.excepthook, lambda args: told.append(args.exc_value)
    try:
        works = InTurn("a test")
        works.do(lambda: {}["nothing"])
        works.settle(10)
        works.do(done.set)
        works.settle(10)
    finally:
        threading.excepthook = before
    assert done.is_set()
    assert isinstance(told[0], KeyError)
