package runbooks

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// keysOf walks the decoder's shapes.
func keysOf(s *shape, at string, into map[string]bool) {
	switch s.form {
	case formList:
		keysOf(s.of, at+"[]", into)
	case formMap:
		keysOf(s.of, at+".*", into)
	case formObject:
		for _, f := range s.fields {
			into[at+"."+f.name] = true
			keysOf(f.shape, at+"."+f.name, into)
		}
	}
}

// schemaKeys walks the JSON that editors get.
func schemaKeys(t *testing.T, n map[string]any, at string, into map[string]bool) {
	t.Helper()
	if forms, ok := n["anyOf"].([]any); ok {
		for _, x := range forms {
			schemaKeys(t, x.(map[string]any), at, into)
		}
	}
	if items, ok := n["items"].(map[string]any); ok {
		schemaKeys(t, items, at+"[]", into)
	}
	if more, ok := n["additionalProperties"].(map[string]any); ok {
		schemaKeys(t, more, at+".*", into)
	}
	props, ok := n["properties"].(map[string]any)
	if ok && n["additionalProperties"] != false {
		t.Errorf("%s: the schema lets unknown keys through", at)
	}
	for name, p := range props {
		into[at+"."+name] = true
		schemaKeys(t, p.(map[string]any), at+"."+name, into)
	}
}

func TestTheSchemaHasTheKeysOfTheDecoder(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	want, got := make(map[string]bool), make(map[string]bool)
	keysOf(bookShape(), "", want)
	schemaKeys(t, root, "", got)
	if !maps.Equal(want, got) {
		t.Errorf("decoder:\n%v\nschema:\n%v", slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	}
	if len(want) < 70 {
		t.Errorf("only %d keys: the walk stops early", len(want))
	}
}

func TestRisksAreInRisingOrderAndHaveAWord(t *testing.T) {
	words := riskWords()
	if len(words) != int(numRisks) {
		t.Fatalf("%d words for %d risks", len(words), numRisks)
	}
	for r := Read; r < numRisks; r++ {
		if want := strings.ToUpper(strings.ReplaceAll(words[r], "_", " ")); r.String() != want {
			t.Errorf("risk %d prints %s, its word is %s", r, r, want)
		}
	}
}

const languagePage = "../docs/runbook-language.md"

func TestTheReferenceHasTheKeysOfTheDecoder(t *testing.T) {
	src, err := os.ReadFile(languagePage)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- generated: keys -->\n", "<!-- end -->\n"
	head, rest, ok := strings.Cut(string(src), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the tables", languagePage)
	}
	golden(t, languagePage, head+begin+"\n"+Reference()+end+tail)
}

func TestTheExamplesOfTheReferenceAreCleanRunbooks(t *testing.T) {
	src, err := os.ReadFile(languagePage)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(src), "```yaml\n")
	if len(parts) < 2 {
		t.Fatal("the reference has no example")
	}
	for _, p := range parts[1:] {
		example, _, _ := strings.Cut(p, "```")
		for _, f := range Lint(parsed(t, example), testCatalog()) {
			t.Error(f)
		}
	}
}

func TestTheReferenceNamesEveryKindAndStage(t *testing.T) {
	src, err := os.ReadFile(languagePage)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range testCatalog().Kinds {
		stages := ""
		for i, s := range k.Stages {
			if i > 0 {
				stages += ", "
			}
			if s == "" {
				stages += "none"
			} else {
				stages += "`" + s + "`"
			}
		}
		if row := strings.ReplaceAll(fmt.Sprintf("| `%s` | %s |", k.Name, stages), "|  |", "| |"); !strings.Contains(string(src), row) {
			t.Errorf("no row %q", row)
		}
	}
}
