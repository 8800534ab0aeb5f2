// Package haproxy moves clients that come through HAProxy in TCP mode, over its
// runtime socket: it takes a server out of rotation, cuts the connections that
// are left, and lets the other server in.
//
// HAProxy cannot make clients wait. While no server takes connections it accepts
// a client and closes it at once, so an application sees one failed attempt after
// the other until it is let in, and each old connection breaks once. Limiting the
// frontend instead (set maxconn frontend) was measured on 2.6.12: the waiting
// clients were not released, and once the process hung; Turquoise does not use it.
//
// The target's connection string lists the runtime sockets, one for each process
// or machine, separated by commas: unix:/run/haproxy/admin.sock or tcp://host:port.
// A command goes to all of them; an answer counts only if all give the same one.
// Its parameters:
//
//	frontend      host:port where clients connect, one for each socket, in order
//	backend       backend with both servers; "be" if it is not given
//	blue_server   name of blue in it; "blue"
//	green_server  name of green in it; "green"
//	file          configuration file, for a switch that outlives a restart
//	program       haproxy program that checks the file
//	master        master socket, to see workers that an earlier reload left behind
//
// Place: an engine, one row above engines. It imports nothing else of Turquoise.
//
// The planner is pure. The router is never the write freeze: clients go around
// it, and a reload forgets what the socket was told.
package haproxy
