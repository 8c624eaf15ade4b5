"""The desk watched and stopped from outside its event loop: stalls, halt requests, the control socket."""
