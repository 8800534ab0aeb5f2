package runbooks

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func environment(set map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) { v, ok := set[k]; return v, ok }
}

func sides() map[string]string {
	return map[string]string{"blue_conninfo": "host=b port=5432", "green_conninfo": "host=g port=5432"}
}

func TestResolveTakesGivenBeforeDefaultAndFillsTheEnvironment(t *testing.T) {
	book := parsed(t, shipped(t))
	given := sides()
	given["app_roles"], given["budget"], given["router"] = "web, jobs", "45s", "manual"
	v, fs := Resolve(book, given, environment(map[string]string{"TURQUOISE_ROUTER_FILE": "/etc/pgbouncer.ini"}))
	if len(fs) > 0 {
		t.Fatal(fs)
	}
	if !slices.Equal(v.Lists["app_roles"], []string{"web", "jobs"}) || v.Text["database"] != "app" {
		t.Errorf("values %+v", v)
	}
	run := book.With(v)
	if r, _ := run.Target("router"); r.Engine != "manual" || r.Params["file"] != "/etc/pgbouncer.ini" {
		t.Errorf("router %+v", r)
	}
	if got := Sequence(run, false)[18].Budget; got != 45*time.Second {
		t.Errorf("budget %s, want 45s", got)
	}
	if r, _ := book.Target("router"); r.Engine != "pgbouncer" || run.Digest != book.Digest {
		t.Error("With changed the book itself")
	}
}

func TestResolveNamesEveryParameterThatDoesNotFit(t *testing.T) {
	book := parsed(t, shipped(t))
	given := map[string]string{"blue_conninfo": "host=b password=hunter2", "budget": "soon", "margin": "many", "databse": "x"}
	_, fs := Resolve(book, given, environment(nil))
	all := ""
	for _, f := range fs {
		all += f.String() + f.Excerpt + "\n"
	}
	for _, want := range []string{`unknown parameter "databse"`, `did you mean "database"?`, "parameter blue_conninfo: holds a password",
		"parameter green_conninfo has no value", "parameter budget does not fit its type duration", "parameter margin does not fit its type int", "TURQUOISE_ROUTER_FILE is not set"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in:\n%s", want, all)
		}
	}
	if strings.Contains(all, "hunter2") {
		t.Error("a finding repeats a secret")
	}
}
