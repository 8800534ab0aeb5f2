// Package varnish moves requests between two halves behind Varnish: it loads the
// configuration (VCL) of the other half, keeps both warm, makes the other one
// active, and bans what the cache holds of the old half.
//
// A switch holds nobody up and breaks nothing: requests that are under way end on
// the half they began on. Three traps are proven away rather than trusted. The
// answer to vcl.use says nothing about backends, so health and temperature are
// gates before it. A header that VCL sets says nothing about who made the body,
// so the proof is a header of the application on requests that no cache can have.
// Objects of the old half stay in the cache, so they are banned, and a page that
// is known to be cached is asked afterwards.
//
// The target's connection string lists the management addresses, one for each
// Varnish, separated by commas: tcp://host:6082. Its parameters:
//
//	secret_file    file that varnishd was started with as -S; its bytes as they are
//	green_vcl      VCL file of the other half, on the machines of Varnish
//	fronts         host:port where clients connect, one for each Varnish, in order
//	host           Host header of our own requests; a front's address if not given
//	probe_path     path that is passed to the application; "/"
//	cached_path    path that is known to be cached; none: cached pages are not proven
//	colour_header  header by which the application names its half; "X-Colour"
//	blue_colour, green_colour  what it says; "blue", "green"
//	requests       number of requests of a proof; 20
//	ban            what is banned after a switch; "obj.status != 0"
//	label          VCL label that is moved, where a label is active; none: vcl.use
//	link           symbolic link that varnishd starts from (-f), for a switch that
//	               outlives a restart
//	varnishstat    program, and workdirs its -n folders, one for each Varnish: for
//	               counters of backends
//
// Place: an engine, one row above engines. It imports nothing else of Turquoise.
package varnish
