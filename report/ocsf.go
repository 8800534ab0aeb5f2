package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/turquoise-db/turquoise/audit/entries"
)

// ocsfVersion is the schema the events are written for: https://schema.ocsf.io/1.8.0
const ocsfVersion = "1.8.0"

// Classes of OCSF that the entries map to.
const (
	classLifecycle = 6002 // Application Lifecycle
	classAPI       = 6003 // API Activity
	classDatastore = 6005 // Datastore Activity
	activityOther  = 99
)

type event map[string]any

// OCSF writes one event per line and entry. The line itself goes along as
// raw_data, so that a log system can check the chain without this tool.
func (n *Night) OCSF(w io.Writer) error {
	types := entries.Types()
	begins := map[int64]entries.StmtBegin{}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, l := range n.Entries {
		if l.Withheld != "" {
			continue // its hash is in the record; there is nothing else to tell
		}
		if b, ok := l.Body.(entries.StmtBegin); ok {
			begins[l.Seq] = b
		}
		e := n.ocsf(l, begins)
		raw, err := l.Raw(types)
		if err != nil {
			return fmt.Errorf("read entry %d again: %w", l.Seq, err)
		}
		e["raw_data"] = string(raw)
		if err := enc.Encode(e); err != nil {
			return err
		}
	}
	return nil
}

func (n *Night) ocsf(l Line, begins map[int64]entries.StmtBegin) event {
	host, _, _ := strings.Cut(l.From, "/")
	class, activity := class(l, begins)
	status := 0
	if l.OK != nil {
		status = 2
		if *l.OK {
			status = 1
		}
	}
	e := event{
		"category_uid": 6, "class_uid": class, "activity_id": activity, "type_uid": class*100 + activity,
		"severity_id": severity(l), "status_id": status, "time": l.Time.UnixMilli(), "message": l.Summary(),
		"metadata": event{"version": ocsfVersion, "sequence": l.Seq, "uid": l.Leaf.String(), "correlation_uid": n.Sid,
			"product": product(n)},
		"actor":        event{"user": event{"name": l.By}},
		"src_endpoint": event{"hostname": host},
		"unmapped": event{"turquoise": event{"type": l.Type, "step": l.Step, "attempt": l.Attempt, "target": l.Target,
			"record_integrity": n.integrity(l)}},
	}
	if class == classLifecycle {
		e["app"] = product(n)
	}
	if class == classDatastore {
		e["database"] = event{"name": n.databaseOf(l.Target), "type_id": 1}
	}
	if class == classAPI {
		e["api"] = event{"operation": l.Type}
	}
	if t := n.Open.Change.Ticket; t != "" {
		ticket := event{"uid": t}
		for k, v := range map[string]string{"title": n.Open.Change.Title, "src_url": n.Open.Change.URL} {
			if v != "" { // an empty text is no URL to the schema
				ticket[k] = v
			}
		}
		e["ticket"] = ticket
	}
	return e
}

func product(n *Night) event {
	return event{"name": "Turquoise", "vendor_name": "Turquoise", "version": n.Open.Tool.Version}
}

// integrity is what a profile of a later schema calls attestation: which chain
// the event belongs to, what it follows and what it hashes to.
func (n *Night) integrity(l Line) event {
	return event{"chain_uid": n.Open.Origin, "prev_event": l.Prev,
		"fingerprint": event{"algorithm": "SHA-256", "algorithm_id": 3, "value": l.Leaf.String()}}
}

func (n *Night) databaseOf(id string) string {
	for _, t := range n.Targets {
		if t.ID == id {
			return firstOf(t.Database, t.ID)
		}
	}
	return dash(id)
}

// class says which class and activity of the schema an entry is.
func class(l Line, begins map[int64]entries.StmtBegin) (class, activity int) {
	switch l.Body.(type) {
	case entries.SessionOpen, entries.SessionResume:
		return classLifecycle, 3 // start
	case entries.SessionSuspend, entries.SessionClose, entries.SessionAbort:
		return classLifecycle, 4 // stop
	case entries.ExportCreated:
		return classDatastore, 1 // read
	case entries.StmtEnd:
		if l.Ref == nil {
			break
		}
		switch begin := begins[*l.Ref]; begin.Verb {
		case "sql":
			return classDatastore, sqlActivity(begin.Text)
		case "aws":
			return classAPI, activityOther
		}
	}
	return classLifecycle, activityOther
}

// sqlActivity maps the first word of a statement; what is not plainly one of
// these is Other, never guessed.
func sqlActivity(text string) int {
	word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(text)), " ")
	switch word {
	case "SELECT", "SHOW":
		return 4 // query
	case "CREATE":
		return 6
	case "DROP", "DELETE":
		return 7
	case "ALTER", "UPDATE", "INSERT":
		return 2
	}
	return activityOther
}

func severity(l Line) int {
	switch b := l.Body.(type) {
	case entries.AlarmRaised:
		if b.Level == "warning" {
			return 4 // high
		}
		return 3 // medium
	case entries.LogFault, entries.TargetChanged:
		return 4
	}
	if l.OK != nil && !*l.OK {
		return 3
	}
	return 1 // informational
}
