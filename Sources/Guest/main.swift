import CGuest

// PID 1 of a VM from its first instruction on, or, when the image has an init of its own, the
// helper that init inherits. Never returns.
if guest_came_up() == 1 {
  Boot.run()
} else {
  log("hutch-guest runs as the first program of a VM only")
  guest_exit(2)
}
