// Package route53 moves clients by DNS: a CNAME of ours, or a weighted pair, in a
// zone of Amazon Route 53.
//
// DNS is the slowest and the least certain router. It holds nobody up, ends no
// connection, and what a client has resolved it may keep. So the answer of the
// service is not the proof: the zone's name servers are asked directly, then the
// resolvers that the applications use, and the database's own count of sessions
// on the old side decides (a gate of the runbook). Between the read that guards a
// change and the change itself another may write: Route 53 has no conditional
// update.
//
// The target's connection string is route53://ZONE, with ?region=, ?profile= and
// ?endpoint= where the defaults of the AWS configuration do not serve. Credentials
// come from that configuration alone. Parameters of the target:
//
//	record         name that the applications connect to, in full
//	type           CNAME if not given, or A
//	blue_value     what it holds for blue
//	green_value    what it holds for green
//	blue_id, green_id  set identifiers of a weighted pair; none: one simple record
//	name_servers   host:port of the zone's name servers, all of them
//	resolvers      host:port of the resolvers that the applications use
//	max_ttl        longest TTL for the night, in seconds; 5
//
// Place: an engine, one row above engines. It imports nothing else of Turquoise.
package route53
