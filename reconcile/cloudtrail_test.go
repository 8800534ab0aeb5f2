package reconcile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/report"
)

// called is a night with two calls to Route 53: one that changed a record and one
// that read it.
func called() *report.Night {
	at := time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)
	bound := entries.TargetBound{Role: "router", Engine: "route53", Login: "default credentials", AWS: &entries.AWS{CallerARN: "arn:ops"}}
	n := &report.Night{Sid: "s1", Started: at, Targets: []report.Target{{ID: "router", TargetBound: bound}}}
	n.Entries = []report.Line{{Entry: audit.Entry{Time: at}, Body: bound}, {Entry: audit.Entry{Time: at.Add(30 * time.Second)}}}
	a := &report.Attempt{}
	for i, c := range [][2]string{{"ChangeResourceRecordSets: c\nis: x", "r1"}, {"ListResourceRecordSets: x CNAME", "r2"}, {"DNS: x CNAME at 10.0.0.2", ""}} {
		a.Statements = append(a.Statements, &report.Statement{StmtBegin: entries.StmtBegin{Verb: "aws", Text: c[0]}, Seq: int64(10 + i), Target: "router", At: at,
			End: &entries.StmtEnd{Outcome: entries.Done, RequestID: c[1]}})
	}
	n.Steps = []*report.Step{{ID: "5", Attempts: []*report.Attempt{a}}}
	return n
}

func trail(events ...string) string { return `{"Records":[` + strings.Join(events, ",") + `]}` }

func event(id, agent, arn string, reads bool) string {
	return fmt.Sprintf(`{"eventTime":"2026-11-21T02:00:01Z","eventName":"ChangeResourceRecordSets","eventSource":"route53.amazonaws.com","userAgent":"aws-sdk-go-v2 app/%s","readOnly":%t,"requestID":%q,"userIdentity":{"arn":%q}}`, agent, reads, id, arn)
}

// TestCallsOfAWS: by request id, both ways; a call by the session's own caller that
// is not in the record is off the record, one by others is counted.
func TestCallsOfAWS(t *testing.T) {
	change, read := event("r1", "turquoise-s1", "arn:ops", false), strings.Replace(event("r2", "turquoise-s1", "arn:ops", true), "Change", "List", 1)
	for name, c := range map[string]struct {
		trail string
		found int
		exit  int
		say   string
	}{
		"all of it":                 {trail(change, read), 2, ExitMatched, "questions to name servers"},
		"reads not logged":          {trail(change), 1, ExitPartly, "ListResourceRecordSets: x CNAME on router: nothing in these trails can be it"},
		"change not there":          {trail(read), 1, ExitContradiction, "recorded as done under request r1, and no trail has it"},
		"another call under its id": {trail(strings.Replace(change, "ChangeResourceRecordSets", "DeleteHostedZone", 1), read), 1, ExitContradiction, "the trail has route53 DeleteHostedZone under request r1"},
		"it failed":                 {trail(strings.Replace(change, `"readOnly"`, `"errorCode":"AccessDenied","readOnly"`, 1), read), 1, ExitContradiction, "recorded as done, and the trail says that request r1 failed"},
		"one more":                  {trail(change, read, event("r9", "turquoise-s1", "arn:ops", false)), 2, ExitContradiction, "request r9, and the record has no such call"},
		"one more read":             {trail(change, read, event("r9", "turquoise-s1", "arn:ops", true)), 2, ExitMatched, ""},
		"by hand":                   {trail(change, read, event("r9", "console", "arn:ops", false)), 2, ExitOffRecord, "by arn:ops, not in the record: route53 ChangeResourceRecordSets"},
		"by others":                 {trail(change, read, event("r9", "console", "arn:else", false)), 2, ExitMatched, "1 calls of AWS that change something, by others"},
	} {
		l, err := ReadCloudTrail(strings.NewReader(c.trail), "trail.json")
		if err != nil {
			t.Fatal(err)
		}
		r := Compare(called(), []*Log{l}, Options{})
		if r.Found != c.found || r.Exit != c.exit || !strings.Contains(fmt.Sprint(r.Findings, r.Notes), c.say) {
			t.Errorf("%s: %d found, exit %d, %+v %q; want %d, %d and %q", name, r.Found, r.Exit, r.Findings, r.Notes, c.found, c.exit, c.say)
		}
	}
	if r := Compare(called(), nil, Options{}); !strings.Contains(fmt.Sprint(r.Notes), "2 calls of AWS, of which no trail was given") {
		t.Errorf("without a trail: %q", r.Notes)
	}
}
