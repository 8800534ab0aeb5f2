package varnish

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// Inspect asks whether the router can be switched and what the switch would miss.
func (r *Reader) Inspect(ctx context.Context, in engines.Scope) []engines.Finding {
	s, serr := siteOf(r.c.params)
	id, ierr := r.Identify(ctx)
	lists, lerr := r.lists(ctx)
	statuses, sterr := r.ask(ctx, "status -j")
	out := []engines.Finding{
		paramsFinding(serr), childFinding(statuses, sterr), versionFinding(id, ierr), secretFinding(id, ierr),
		r.activeFinding(lists, lerr, s), r.healthFinding(ctx, lists, lerr), r.answersFinding(ctx, s, serr, in),
		r.cacheFinding(ctx, s, serr), linkFinding(s, serr), r.countersFinding(ctx),
	}
	for i := range out {
		out[i].ID, out[i].Target = "G15", in.On
	}
	return out
}

func (r *Reader) lists(ctx context.Context) ([][]loaded, error) {
	texts, err := r.ask(ctx, "vcl.list -j")
	if err != nil {
		return nil, err
	}
	out := make([][]loaded, len(texts))
	for i, t := range texts {
		if out[i], err = parseList(t); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func blind(f engines.Finding, err error) engines.Finding {
	f.Level, f.Is = engines.Blind, "unknown: "+err.Error()
	f.Next = "check the target's parameters, and that every varnishd runs and answers on its management port"
	return f
}

func paramsFinding(err error) engines.Finding {
	f := engines.Finding{Title: "the target says how traffic is looked at", Want: "fronts, paths, colours and green's VCL", Level: engines.Pass, Is: "complete",
		Cause: "the proof of the switch is what a client gets, not what Varnish says"}
	if err != nil {
		f.Level, f.Is, f.Next = engines.Block, err.Error(), "correct the parameters of the target"
	}
	return f
}

// childFinding: vcl.use is answered with yes while nobody serves.
func childFinding(texts []string, err error) engines.Finding {
	f := engines.Finding{Title: "every Varnish serves", Want: "child in state running",
		Cause: "a manager without a child takes every command and answers no client"}
	if err != nil {
		return blind(f, err)
	}
	f.Level, f.Is = engines.Pass, "running"
	for _, t := range texts {
		var word string
		if err := item(t, 0, &word); err != nil {
			return blind(f, err)
		}
		if word != "running" {
			f.Level, f.Is, f.Next = engines.Block, engines.Clean(word), "start the child (varnishadm start) and find out why it was stopped"
		}
	}
	return f
}

func versionFinding(id engines.Identity, err error) engines.Finding {
	f := engines.Finding{Title: "all Varnishes are of one version", Want: "one version",
		Cause: "one VCL may mean different things to two versions, or not compile on one"}
	if err != nil {
		return blind(f, err)
	}
	f.Level, f.Is = engines.Pass, id.Version
	if id.Extra["versions"] != "" {
		f.Level, f.Is, f.Next = engines.Caution, "they differ; the first is "+id.Version, "load green's VCL on each of them by hand before the night"
	}
	return f
}

func secretFinding(id engines.Identity, err error) engines.Finding {
	f := engines.Finding{Title: "the management port asks for the secret", Want: "yes",
		Cause: "whoever reaches a port without one moves the traffic"}
	if err != nil {
		return blind(f, err)
	}
	f.Level, f.Is = engines.Pass, "yes"
	if id.Login != "secret" {
		f.Level, f.Is, f.Next = engines.Caution, "no", "start varnishd with -S and a file that only its user may read"
	}
	return f
}

// activeFinding: blue is what is active now, and it must be one thing.
func (r *Reader) activeFinding(lists [][]loaded, err error, s site) engines.Finding {
	f := engines.Finding{Title: "the same VCL is active on every Varnish", Want: "one name",
		Cause: "the way back is the VCL that is active now; where they differ there is none for all"}
	if err != nil {
		return blind(f, err)
	}
	var names []string
	for _, vs := range lists {
		name, err := active(vs)
		if err != nil {
			f.Level, f.Is, f.Next = engines.Block, err.Error(), "make the VCL that serves the active one"
			return f
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	f.Level, f.Is = engines.Pass, strings.Join(names, ", ")
	_, label, _ := strings.Cut(names[0], " by label ")
	switch {
	case len(names) > 1:
		f.Level, f.Next = engines.Block, "load and use one VCL under one name on all of them"
	case label != s.label:
		f.Level, f.Next = engines.Block, "set the parameter label to the active label, or leave it out where none is active"
	}
	return f
}

func (r *Reader) healthFinding(ctx context.Context, lists [][]loaded, err error) engines.Finding {
	f := engines.Finding{Title: "the half that serves answers all its probes", Want: none + " fail",
		Cause: "the way back leads there, and Varnish switches to dead backends without a word"}
	if err != nil {
		return blind(f, err)
	}
	var bad, bare []string
	for i, vs := range lists {
		is, err := active(vs)
		if err != nil {
			return blind(f, err)
		}
		name, _, _ := strings.Cut(is, " by label ")
		texts, err := r.ask(ctx, "backend.list -j "+name+".*")
		if err != nil {
			return blind(f, err)
		}
		bs, err := parseBackends(texts[i])
		if err != nil {
			return blind(f, err)
		}
		if is := failing(bs); is != none {
			bad = append(bad, r.c.addrs[i]+": "+is)
		}
		for _, b := range bs {
			if !b.probed() {
				bare = append(bare, b.name)
			}
		}
	}
	f.Level, f.Is = engines.Pass, none
	switch {
	case len(bad) > 0:
		f.Level, f.Is, f.Next = engines.Block, strings.Join(bad, "; "), "mend these backends, or correct their probes"
	case len(bare) > 0:
		f.Level, f.Is, f.Next = engines.Caution, "no probe: "+strings.Join(bare, ", "), "give each backend a .probe, or nobody knows its health before the switch"
	}
	return f
}

func (r *Reader) answersFinding(ctx context.Context, s site, serr error, in engines.Scope) engines.Finding {
	f := engines.Finding{Title: "requests of our own are answered by the half that serves", Want: fmt.Sprintf("%d %s", s.requests, s.colours[in.From]),
		Cause: "they are the proof of the switch: the application must name itself, uncached, before it too"}
	if serr != nil {
		return blind(f, serr)
	}
	is, err := r.get(ctx, s.askProbe())
	if err != nil {
		return blind(f, err)
	}
	f.Level, f.Is = engines.Pass, is
	if is != f.Want {
		f.Level, f.Next = engines.Block, "choose a probe_path that is passed to the application, and a colour_header that the application sets, not VCL"
	}
	return f
}

// get asks the fronts. No management connection is used for it.
func (r *Reader) get(ctx context.Context, text string) (string, error) {
	q, err := parse(text)
	if err != nil {
		return "", err
	}
	answers, err := engines.Each(r.c.addrs, func(i int, _ string) (string, error) { return r.c.requests(ctx, q, i) })
	if err != nil {
		return "", err
	}
	return engines.Agreed(r.c.addrs, answers), nil
}

// cacheFinding: the proof of the ban asks a page that the cache holds.
func (r *Reader) cacheFinding(ctx context.Context, s site, serr error) engines.Finding {
	f := engines.Finding{Title: "a page that is known to be cached is asked", Want: "served from the cache",
		Cause: "objects of the old half are served after the switch until they are banned; only a cached page shows it"}
	switch {
	case serr != nil:
		return blind(f, serr)
	case s.cached == "":
		f.Level, f.Is, f.Next = engines.Caution, "the target names no cached_path", "set cached_path to a page that Varnish keeps for a minute or longer"
		return f
	}
	// The answer names its half either way. Asked as one that no cache may have
	// answered, a cached one shows as what it is.
	if _, err := r.get(ctx, s.get(s.cached, 2)); err != nil {
		return blind(f, err)
	}
	is, err := r.c.cachedNow(ctx, s)
	if err != nil {
		return blind(f, err)
	}
	f.Level, f.Is = engines.Pass, "from the cache"
	if !is {
		f.Level, f.Is, f.Next = engines.Caution, "not from the cache", "name a page in cached_path that Varnish keeps for a minute or longer"
	}
	return f
}

func linkFinding(s site, serr error) engines.Finding {
	f := engines.Finding{Title: "a restart of varnishd starts with what serves", Want: "a symbolic link that we may move",
		Cause: "everything that was loaded is gone with varnishd: it starts with its own file, on whichever half that is"}
	switch {
	case serr != nil:
		return blind(f, serr)
	case s.link == "":
		f.Level, f.Is, f.Next = engines.Caution, "the target names no link", "let varnishd start from a symbolic link (-f) and name it, or change its start-up file by hand right after the switch"
		return f
	}
	to, err := os.Readlink(s.link)
	if err != nil {
		f.Level, f.Is, f.Next = engines.Block, engines.Clean(err.Error()), "make it a symbolic link to the VCL that serves, in a folder that we may write, or leave link out"
		return f
	}
	f.Level, f.Is = engines.Pass, "to "+engines.Clean(to)
	return f
}

func (r *Reader) countersFinding(ctx context.Context) engines.Finding {
	f := engines.Finding{Title: "requests that are still on the old half can be counted", Want: "varnishstat answers", Level: engines.Pass, Is: "yes",
		Cause: "requests that began before the switch end on the old half; without counters nobody knows when the last one has"}
	if _, err := r.counters(ctx); errors.Is(err, errNoStat) {
		f.Level, f.Is, f.Next = engines.Caution, err.Error(), "set varnishstat and workdirs, or look at varnishstat on each machine; the gate after the switch stays closed until then"
	} else if err != nil {
		return blind(f, err)
	}
	return f
}
