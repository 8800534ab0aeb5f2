//go:build unix && !linux

package lab

import "syscall"

// serverAttr puts a server into a group of its own. This system has no signal
// for the death of a parent: after a crash of Turquoise servers stay.
func serverAttr(as owner, _ syscall.Signal) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if as.switched {
		a.Credential = &syscall.Credential{Uid: uint32(as.uid), Gid: uint32(as.gid), Groups: []uint32{}}
	}
	return a
}
