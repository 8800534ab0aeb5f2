package haproxy

import (
	"errors"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// HAProxy keeps no distribution of response times: its socket gives the mean of a
// server's last 1024 answers, and counters of answers by class. A tail that only
// one client in a hundred sees is measured where the clients are.

var (
	errNotHTTP  = errors.New("the backend is not in mode http; answers are not counted")
	errNoAnswer = errors.New("no answer of this version in the last half minute")
)

// count adds up a server's answers: those of class 5, and connections that came to
// nothing before one.
func count(ts []table, server string) (a engines.Answers, err error) {
	for _, t := range ts {
		row, err := t.stat(server)
		if err != nil {
			return a, err
		}
		if mode, err := t.get(row, "mode"); err != nil || mode != "http" {
			return a, errors.Join(errNotHTTP, err)
		}
	}
	if a.Failed, err = total(ts, []string{server}, "hrsp_5xx", "econ", "eresp"); err != nil {
		return a, err
	}
	a.All, err = total(ts, []string{server}, "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other", "econ", "eresp")
	return a, err
}

// slowest is the mean time to answer of a server's last 1024 answers, on the
// process where it is longest.
func slowest(ts []table, server string) (seconds float64, err error) {
	for _, t := range ts {
		v, err := total([]table{t}, []string{server}, "rtime")
		if err != nil {
			return 0, err
		}
		seconds = max(seconds, v/1000)
	}
	return seconds, nil
}

// answerGauges reads how well each version answers: failed answers in a hundred of the
// last half minute, and the time to answer. A version without answers has neither,
// so that a gate on them stays closed until some client has asked.
func (r *Reader) answerGauges(s snapshot, add func(string, engines.Unit, error, func(*engines.Reading) error)) {
	now := time.Now()
	for _, c := range engines.Colours() {
		server := colourServer(r.c.params, c)
		lately, err := count(s.stats, server)
		if err = errors.Join(s.terr, err); err == nil {
			lately.At = now
			if lately = r.late.Since(server, lately); lately.All == 0 {
				err = errNoAnswer
			}
		}
		add(string(c)+"_failing_rate", engines.Count, err, func(g *engines.Reading) error {
			g.Value = lately.Percent()
			return nil
		})
		add(string(c)+"_response_seconds", engines.Seconds, err, func(g *engines.Reading) (err error) {
			g.Value, err = slowest(s.stats, server)
			return err
		})
	}
}
