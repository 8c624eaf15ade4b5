"""When garbage is looked for: little by little, and the long looks while the hands are still."""

from screens.collecting import ALL_SECONDS, OLDER_SECONDS, PATIENCE, STILL_SECONDS, YOUNG_SECONDS, Collector


class Desk:
    """Frames at a clock of the test's own."""

    def __init__(self):
        self.now = 0.0
        self.looks: list[int] = []
        self.collector = Collector(lambda: self.now, self.looks.append)

    def run(self, seconds, typing=False):
        for _ in range(int(seconds * 20)):
            self.now += 0.05
            if typing:
                self.collector.pressed()
            self.collector.tick()


def test_what_is_new_is_looked_at_several_times_a_second():
    desk = Desk()
    desk.run(10)
    assert set(desk.looks) == {0}
    assert 30 <= len(desk.looks) <= 10 / YOUNG_SECONDS


def test_older_things_are_looked_at_now_and_then_and_all_of_them_seldom():
    desk = Desk()
    desk.run(2 * ALL_SECONDS + 1)
    assert desk.looks.count(2) == 2
    assert 2 * ALL_SECONDS / OLDER_SECONDS - 3 <= desk.looks.count(1) + 2 <= 2 * ALL_SECONDS / OLDER_SECONDS


def test_the_long_looks_wait_until_the_hands_are_still():
    desk = Desk()
    desk.run(OLDER_SECONDS * 2, typing=True)
    assert set(desk.looks) == {0}
    desk.run(STILL_SECONDS + 0.5)
    assert desk.looks.count(1) == 1


def test_they_do_not_wait_for_ever():
    desk = Desk()
    desk.run(OLDER_SECONDS * (PATIENCE + 1), typing=True)
    assert desk.looks.count(1) == 1
