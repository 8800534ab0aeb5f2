package route53

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/turquoise-db/turquoise/engines"
)

// Texts of AWS actions are the call and its values, one to a line:
//
//	ListResourceRecordSets: db.shop.example. CNAME
//
//	ChangeResourceRecordSets: turquoise s7f2       (the comment of the change)
//	is: db.shop.example. CNAME ttl 5 orders-blue.example.
//	upsert: db.shop.example. CNAME ttl 5 orders-green.example.
//
//	GetChange: $1
//
// Sets of a weighted pair have "id green weight 100" behind their type. The lines
// under is are read and compared before anything is sent; all lines under upsert
// go in one batch.
const (
	listWord   = "ListResourceRecordSets: "
	changeWord = "ChangeResourceRecordSets: "
	syncWord   = "GetChange: "
)

// set is one record set.
type set struct {
	name, kind, id string
	weight         int64
	ttl            int64
	values         []string
}

func (s set) String() string {
	out := s.name + " " + s.kind
	if s.id != "" {
		out += fmt.Sprintf(" id %s weight %d", s.id, s.weight)
	}
	return out + fmt.Sprintf(" ttl %d %s", s.ttl, strings.Join(s.values, ","))
}

var (
	plainZone  = regexp.MustCompile(`^[A-Z0-9]{4,32}$`)
	plainName  = regexp.MustCompile(`^[a-z0-9_*]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*\.$`)
	plainValue = regexp.MustCompile(`^[A-Za-z0-9._:-]+$`)
	plainID    = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	setForm    = regexp.MustCompile(`^([^ ]+) (CNAME|A|AAAA)(?: id ([^ ]+) weight ([0-9]{1,3}))? ttl ([0-9]{1,9}) ([^ ]+)$`)
)

func parseSet(text string) (set, error) {
	m := setForm.FindStringSubmatch(text)
	if m == nil || !plainName.MatchString(m[1]) || m[3] != "" && !plainID.MatchString(m[3]) {
		return set{}, fmt.Errorf("%w: %q is no record set", errShape, engines.Clean(text))
	}
	s := set{name: m[1], kind: m[2], id: m[3], values: strings.Split(m[6], ",")}
	for _, v := range s.values {
		if !plainValue.MatchString(v) {
			return set{}, fmt.Errorf("%w: value %q", errShape, engines.Clean(v))
		}
	}
	var err error
	if s.id != "" {
		if s.weight, err = strconv.ParseInt(m[4], 10, 64); err != nil {
			return set{}, err
		}
	}
	s.ttl, err = strconv.ParseInt(m[5], 10, 64)
	return s, err
}

// between joins the sets of one name in an answer.
const between = " | "

func parseSets(text string) ([]set, error) {
	var out []set
	for _, t := range strings.Split(text, between) {
		s, err := parseSet(t)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func join(sets []set) string {
	texts := make([]string, len(sets))
	for i, s := range sets {
		texts[i] = s.String()
	}
	slices.Sort(texts)
	return strings.Join(texts, between)
}

// call makes one call to the service.
func (c *Conn) call(ctx context.Context, s engines.Statement) (engines.Result, error) {
	switch {
	case strings.HasPrefix(s.Text, listWord):
		name, kind, ok := strings.Cut(strings.TrimPrefix(s.Text, listWord), " ")
		if !ok || !plainName.MatchString(name) || !slices.Contains([]string{"CNAME", "A", "AAAA"}, kind) {
			return engines.Result{}, engines.Refuse("%w", errShape)
		}
		sets, err := c.list(ctx, name, kind)
		return engines.One("sets", join(sets)), err
	case strings.HasPrefix(s.Text, syncWord):
		id := strings.TrimPrefix(s.Text, syncWord)
		if id == "$1" && len(s.Args) == 1 {
			id = s.Args[0]
		}
		if !plainID.MatchString(id) {
			return engines.Result{}, engines.Refuse("%q is no id of a change", engines.Clean(id))
		}
		out, err := c.api.GetChange(ctx, &r53.GetChangeInput{Id: aws.String(id)})
		if err != nil {
			return engines.Result{}, err
		}
		return engines.One("status", engines.Clean(string(out.ChangeInfo.Status))), nil
	case strings.HasPrefix(s.Text, changeWord):
		return c.change(ctx, s.Text)
	}
	return engines.Result{}, engines.Refuse("%w", errShape)
}

// list reads the sets of exactly this name and type. The service lists from a
// name on, so others may come.
func (c *Conn) list(ctx context.Context, name, kind string) ([]set, error) {
	in := &r53.ListResourceRecordSetsInput{HostedZoneId: aws.String(c.at.zone), StartRecordName: aws.String(name), StartRecordType: types.RRType(kind), MaxItems: aws.Int32(100)}
	out, err := c.api.ListResourceRecordSets(ctx, in)
	if err != nil {
		return nil, err
	}
	var sets []set
	for _, r := range out.ResourceRecordSets {
		if !strings.EqualFold(aws.ToString(r.Name), name) || string(r.Type) != kind {
			continue
		}
		s := set{name: name, kind: kind, id: engines.Clean(aws.ToString(r.SetIdentifier)), weight: aws.ToInt64(r.Weight), ttl: aws.ToInt64(r.TTL)}
		for _, v := range r.ResourceRecords {
			s.values = append(s.values, engines.Clean(aws.ToString(v.Value)))
		}
		if r.AliasTarget != nil || len(s.values) == 0 || r.Weight == nil && s.id != "" {
			return nil, engines.Refuse("%s is an alias or follows another policy than weights", name)
		}
		slices.Sort(s.values)
		sets = append(sets, s)
	}
	if len(sets) == 0 {
		return nil, engines.Refuse("the zone has no %s %s", name, kind)
	}
	return sets, nil
}

// change guards and sends one batch.
func (c *Conn) change(ctx context.Context, text string) (engines.Result, error) {
	lines := strings.Split(text, "\n")
	comment := strings.TrimPrefix(lines[0], changeWord)
	var is, next []set
	for _, l := range lines[1:] {
		key, val, _ := strings.Cut(l, ": ")
		s, err := parseSet(val)
		if err != nil {
			return engines.Result{}, engines.Refuse("%w", err)
		}
		switch key {
		case "is":
			is = append(is, s)
		case "upsert":
			next = append(next, s)
		default:
			return engines.Result{}, engines.Refuse("%w: %q", errShape, engines.Clean(key))
		}
	}
	if len(is) == 0 || len(next) == 0 || comment == "" {
		return engines.Result{}, engines.Refuse("%w", errShape)
	}
	now, err := c.list(ctx, is[0].name, is[0].kind)
	if err != nil {
		return engines.Result{}, guarded(err)
	}
	switch join(now) {
	case join(next):
		return engines.Result{}, engines.Refuse("the zone holds it already, by another change: look who made it")
	case join(is):
	default:
		return engines.Result{}, engines.Refuse("not sent: the zone holds %s", join(now))
	}
	c.meter.Reset() // what follows is the change itself
	batch := &types.ChangeBatch{Comment: aws.String(comment)}
	for _, s := range next {
		r := &types.ResourceRecordSet{Name: aws.String(s.name), Type: types.RRType(s.kind), TTL: aws.Int64(s.ttl)}
		for _, v := range s.values {
			r.ResourceRecords = append(r.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
		}
		if s.id != "" {
			r.SetIdentifier, r.Weight = aws.String(s.id), aws.Int64(s.weight)
		}
		batch.Changes = append(batch.Changes, types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: r})
	}
	out, err := c.api.ChangeResourceRecordSets(ctx, &r53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String(c.at.zone), ChangeBatch: batch})
	if err != nil {
		return engines.Result{}, err
	}
	res := engines.One("change", strings.TrimPrefix(engines.Clean(aws.ToString(out.ChangeInfo.Id)), "/change/"))
	res.Command, res.Affected = "CHANGE", int64(len(next))
	return res, nil
}

// guarded: the read before a change failed, so of the change not one byte is out.
func guarded(err error) error {
	var ke *engines.KnownError
	if errors.As(err, &ke) {
		return err
	}
	return engines.Known(engines.Unsent, fmt.Errorf("read before the change: %w", mask(err)))
}
