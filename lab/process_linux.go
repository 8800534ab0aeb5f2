package lab

import "syscall"

// serverAttr makes a server die with the process that started it, and puts it
// into a group of its own, so that ctrl-c in a terminal reaches only Turquoise.
func serverAttr(as owner, end syscall.Signal) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: end}
	if as.switched {
		a.Credential = &syscall.Credential{Uid: uint32(as.uid), Gid: uint32(as.gid), Groups: []uint32{}}
	}
	return a
}
