package reconcile

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/report"
)

// ReadCloudTrail reads a file of AWS CloudTrail events. A call is ours if its
// user agent names the session.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html
func ReadCloudTrail(r io.Reader, name string) (*Log, error) {
	var file struct {
		Records []struct {
			EventTime    time.Time `json:"eventTime"`
			EventName    string    `json:"eventName"`
			EventSource  string    `json:"eventSource"`
			UserAgent    string    `json:"userAgent"`
			ReadOnly     bool      `json:"readOnly"`
			RequestID    string    `json:"requestID"`
			ErrorCode    string    `json:"errorCode"`
			UserIdentity struct {
				ARN string `json:"arn"`
			} `json:"userIdentity"`
		} `json:"Records"`
	}
	if err := json.NewDecoder(r).Decode(&file); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if file.Records == nil {
		return nil, fmt.Errorf("read %s: it holds no Records: not a file of CloudTrail events", name)
	}
	l := &Log{Name: name, Kind: "cloudtrail"}
	for i, e := range file.Records {
		l.cover(e.EventTime)
		call := strings.TrimSuffix(e.EventSource, ".amazonaws.com") + " " + e.EventName
		text := fmt.Sprintf("%s request %s agent %s", call, e.RequestID, e.UserAgent)
		l.Seen = append(l.Seen, Seen{Log: name, Line: i + 1, At: e.EventTime.UTC(), Login: e.UserIdentity.ARN, Text: text, Failed: e.ErrorCode != "",
			Call: call, Request: e.RequestID, Agent: e.UserAgent, Reads: e.ReadOnly})
	}
	return l, nil
}

// asksDNS begins a text that asks name servers: no call of AWS.
const asksDNS = "DNS: "

// readsAWS says by its first word that a recorded call changes nothing. Whether a
// trail holds such calls is its setting.
func readsAWS(text string) bool {
	return slices.ContainsFunc([]string{"List", "Get", "Describe"}, func(w string) bool { return strings.HasPrefix(text, w) })
}

// calls holds what was sent to AWS against the trails, by request id: CloudTrail
// keeps no words of ours but the agent's name.
func (m *match) calls() {
	var trails []*Log
	for _, l := range m.logs {
		if l.Kind == "cloudtrail" {
			trails = append(trails, l)
		}
	}
	known := map[string]bool{}
	for _, st := range m.called {
		if len(trails) == 0 {
			m.dark["calls of AWS, of which no trail was given: CloudTrail has those that change something, and the others where it is set so"]++
			continue
		}
		m.r.Recorded++
		id := ""
		if st.End != nil {
			id = st.End.RequestID
		}
		known[id] = id != ""
		s := m.inTrail(trails, id, st)
		switch {
		case s != nil && !readsAWS(st.Text) && !strings.HasPrefix(st.Text, s.name()):
			m.find("contradiction", s.Where(), st.Seq, "%s on %s: the trail has %s under request %s", words(st.Text), st.Target, s.Call, id)
		case s != nil && s.Failed && st.End.Outcome == entries.Done:
			m.find("contradiction", s.Where(), st.Seq, "%s on %s: recorded as done, and the trail says that request %s failed", words(st.Text), st.Target, id)
		case s != nil:
			m.r.Found++
		case id != "" && !readsAWS(st.Text) && st.End.Outcome == entries.Done:
			m.find("missing", "", st.Seq, "%s on %s: recorded as done under request %s, and no trail has it", words(st.Text), st.Target, id)
		default:
			m.r.NoTrace++
			m.find("no_trace", "", st.Seq, "%s on %s: nothing in these trails can be it (a call that reads, or one without a request id)", words(st.Text), st.Target)
		}
	}
	others := 0
	for _, l := range trails {
		for _, s := range l.Seen {
			switch inside := !s.At.Before(m.r.From) && !s.At.After(m.r.To); {
			case s.Reads || known[s.Request]:
			case strings.Contains(s.Agent, "turquoise-"+m.n.Sid):
				m.find("contradiction", s.Where(), 0, "%s under the name of this session, request %s, and the record has no such call", s.Call, s.Request)
			case inside && slices.Contains(m.r.Logins, s.Login):
				m.r.OffRecord++
				m.find("off_record", s.Where(), 0, "by %s, not in the record: %s, request %s", s.Login, s.Call, s.Request)
			case inside:
				others++
			}
		}
	}
	if others > 0 {
		m.r.Notes = append(m.r.Notes, fmt.Sprintf("%d calls of AWS that change something, by others than this session's caller, in the same hours", others))
	}
}

// name is the call without its service.
func (s *Seen) name() string { return s.Call[strings.LastIndexByte(s.Call, ' ')+1:] }

// inTrail looks for a call by its request id; nil: no trail has it.
func (m *match) inTrail(trails []*Log, id string, st *report.Statement) *Seen {
	for _, l := range trails {
		for i, s := range l.Seen {
			if id != "" && s.Request == id {
				m.offsets[st.Target] = append(m.offsets[st.Target], s.At.Sub(st.At))
				return &l.Seen[i]
			}
		}
	}
	return nil
}
