package cli

import (
	"fmt"
	"strings"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/reconcile"
)

// cloudTrail holds the calls that AWS logged under the session's name against the
// record. AWS keeps no hash of the record, so a call that stands in both vouches
// for no entry; one that the record lacks contradicts it.
func cloudTrail(dir, sid string, files []string) (faults []audit.Vouch, told []string, err error) {
	if len(files) == 0 {
		return nil, nil, nil
	}
	rec, err := audit.Load(dir)
	if err != nil { // verify itself says what is wrong with it
		return nil, []string{"CloudTrail: not compared, the record cannot be read"}, nil
	}
	known := map[string]bool{}
	for _, e := range rec.Entries {
		if e.Type != (entries.StmtEnd{}).Type() {
			continue
		}
		b, err := entries.Types().Decode(e)
		if err != nil {
			return nil, nil, &engines.Error{Op: "read record", Object: dir, Err: err, Next: "run turquoise verify " + dir}
		}
		if id := b.(entries.StmtEnd).RequestID; id != "" {
			known[id] = true
		}
	}
	for _, file := range files {
		l, err := readLog(file, reconcile.ReadCloudTrail)
		if err != nil {
			return nil, nil, err
		}
		ours, found := 0, 0
		for _, s := range l.Seen {
			if s.Reads || !strings.Contains(s.Agent, "turquoise-"+sid) {
				continue
			}
			ours++
			if known[s.Request] {
				found++
				continue
			}
			faults = append(faults, audit.Vouch{Fault: &audit.Finding{Sev: audit.Tampered, Code: "E45-tag", File: file, Line: s.Line,
				Msg: fmt.Sprintf("CloudTrail has %s of this session at %s, and the record has no call with that request id", s.Call, s.At.Format("2006-01-02T15:04:05Z"))}})
		}
		told = append(told, fmt.Sprintf("%s: %d of %d calls of this session stand in the record; CloudTrail keeps no hash of it, so it vouches for no entry (reconcile compares both ways)", file, found, ours))
	}
	return faults, told, nil
}
