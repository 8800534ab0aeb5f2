package session

import (
	"strconv"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// serverClock is a server's wall clock against ours when the session was opened.
type serverClock struct {
	offset, rtt time.Duration
	known       bool
}

// clockOf takes the middle of question and answer for the moment at which the
// server looked: what is off by that is at most half of the round trip.
func clockOf(who engines.Identity, asked, answered time.Time) serverClock {
	us, err := strconv.ParseInt(who.Extra[engines.ExtraClock], 10, 64)
	if err != nil {
		return serverClock{}
	}
	rtt := answered.Sub(asked)
	return serverClock{offset: time.UnixMicro(us).Sub(asked.Add(rtt / 2)), rtt: rtt, known: true}
}

// clockEvery is how often the state of the clock goes into the record, besides at
// its beginning and its end.
const clockEvery = time.Hour

// noteClock writes the state of the clock when it is due. s.mu is held.
func (s *Session) noteClock(now time.Time) {
	if s.clockAt.IsZero() {
		s.clockAt = now // the first lines have it
	}
	if now.Sub(s.clockAt) < clockEvery || s.log.Fault() != nil || s.state.Result != "" || s.leaving != "" {
		return
	}
	s.clockAt = now
	if evs := s.clockState(); len(evs) > 0 {
		_, _ = s.commit(evs...) // a fault of the record is told by commit
	}
}

// clockState is what is known about clocks, for the record. s.mu is held.
func (s *Session) clockState() []steps.Event {
	if s.cfg.Clock == nil {
		return nil
	}
	body, synced := s.cfg.Clock()
	for _, t := range s.cfg.Book.Targets {
		if c := s.clocks[t.ID]; c.known {
			body.Servers = append(body.Servers, entries.ServerClock{Target: string(t.ID), OffsetUS: c.offset.Microseconds(), RTTUS: c.rtt.Microseconds()})
		}
	}
	return []steps.Event{{Meta: audit.Meta{By: audit.System, OK: audit.OK(synced)}, Body: body}}
}

// traces says by a server's log setting whether its own log can vouch for what
// was sent.
var traces = map[string]string{"all": "full", "mod": "partial", "ddl": "partial"}

func (s *Session) boundBody(t runbooks.Target, id engines.Identity) entries.TargetBound {
	ro, trace, c := !id.Writable, traces[id.Extra[engines.ExtraLogged]], s.clocks[t.ID]
	if trace == "" {
		trace = "none"
	}
	var line *entries.TLS
	if v := id.Extra[engines.ExtraTLS]; v != "" {
		line = &entries.TLS{Version: v, PeerSHA256: id.Extra[engines.ExtraPeer]}
	}
	var cloud *entries.AWS
	if a := id.Extra[engines.ExtraAWSAccount]; a != "" {
		cloud = &entries.AWS{Account: a, CallerARN: id.Extra[engines.ExtraAWSCaller], Region: id.Extra[engines.ExtraAWSRegion], UserID: id.Extra[engines.ExtraAWSUser]}
	}
	return entries.TargetBound{AWS: cloud, Role: t.Colour, Engine: id.Engine, Version: id.Version, Host: id.Host, Port: int64(id.Port), Database: id.Database,
		SystemID: id.System, Login: id.Login, Backend: id.Started, ReadOnly: &ro, Trace: trace, TLS: line,
		ClockOffsetUS: c.offset.Microseconds(), ClockRttUS: c.rtt.Microseconds()}
}
