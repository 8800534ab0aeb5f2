package runbooks

// form is what a value in the YAML may be.
type form int

// The forms. Text is a word or a number, not a bool; scalar is any single value.
const (
	formText form = iota
	formScalar
	formInt
	formBool
	formDuration
	formEnum
	formList
	formMap
	formObject
)

// shape describes a value once: the decoder, the JSON Schema and the tables of
// the language reference are made from it.
type shape struct {
	form   form
	noun   string   // how findings call it: "step"
	words  []string // of an enum
	of     *shape   // of a list or map
	fields []field  // of an object
	param  bool     // may be "$name": taken from a parameter
	single bool     // of a list: a lone value is a list of one; of an object: exactly one key
}

// field is one key of an object.
type field struct {
	name     string
	doc      string
	shape    *shape
	required bool
}

func text() *shape                        { return &shape{form: formText} }
func enum(words ...string) *shape         { return &shape{form: formEnum, words: words} }
func list(of *shape) *shape               { return &shape{form: formList, of: of} }
func mapOf(of *shape) *shape              { return &shape{form: formMap, of: of} }
func duration() *shape                    { return &shape{form: formDuration} }
func object(n string, fs ...field) *shape { return &shape{form: formObject, noun: n, fields: fs} }

// paramTypes are the words of a parameter's type.
func paramTypes() []string {
	return []string{"text", "int", "duration", "list", "bool", "dsn", "phrase"}
}

// riskWords are the words of a risk in the YAML, in the order of Risk.
func riskWords() []string { return []string{"read", "change", "traffic", "no_return"} }

func opWords() []string {
	return []string{string(Less), string(LessEqual), string(Equal), string(NotEqual), string(GreaterEqual), string(Greater)}
}

func refShape() *shape {
	s := object("reference",
		field{"env", "environment variable that holds it", text(), false},
		field{"file", "absolute path of a file that holds it, readable by its owner only", text(), false},
		field{"service", "entry of the connection service file", text(), false},
		field{"passfile", "absolute path of a password file", text(), false})
	s.single = true
	return s
}

func gateShape() *shape {
	dwell := duration()
	dwell.param = true
	return object("gate",
		field{"gauge", "what is measured: `<target>/<name>`", text(), true},
		field{"op", "comparison", enum(opWords()...), true},
		field{"want", "number with a unit (`2s`, `64KiB`, `0`) or a word; may be `$parameter`", &shape{form: formScalar}, true},
		field{"for", "how long it must have held; may be `$parameter`", dwell, false},
		field{"max_age", "oldest sample that counts; without it three sampling intervals", duration(), false})
}

func stepShape() *shape {
	gates := list(gateShape())
	undo := list(text())
	undo.single = true
	side := "default blue"
	return object("step",
		field{"id", "`<phase>.<n>`; in a way back with the way's letter in front (`B1.2`)", text(), true},
		field{"title", "a few words for the list and the card", text(), true},
		field{"why", "what goes wrong without it", text(), false},
		field{"kind", "what sort of step", text(), true},
		field{"stage", "refines the kind", text(), false},
		field{"args", "arguments of the kind", mapOf(&shape{form: formScalar}), false},
		field{"on", "target that it acts on", text(), true},
		field{"from", "side that has the writes; " + side, text(), false},
		field{"to", "side that gets the writes; default green", text(), false},
		field{"risk", "how it must be confirmed", enum(riskWords()...), true},
		field{"before", "gates that must hold before it may start", gates, false},
		field{"after", "gates that must hold before it is done", gates, false},
		field{"expect", "what the operator will see", text(), false},
		field{"undo", "steps that take it back, or `none`", undo, false},
		field{"undo_reason", "why there is nothing to undo, or who undoes it", text(), false},
		field{"planned", "how long it takes", duration(), false},
		field{"timeout", "limit of each of its actions", duration(), false},
		field{"signers", "persons that must sign, the operator included", &shape{form: formInt}, false},
		field{"phrase", "what is typed for `no_return`", text(), false},
		field{"word", "what is typed for `traffic`, if not the side", text(), false},
		field{"break_glass", "may be run without its second signature, which is then owed", &shape{form: formBool}, false},
		field{"ahead", "its second signature may be given before the session, over the whole runbook", &shape{form: formBool}, false},
		field{"approvers", "persons who may sign, by their names in the signers file; default all but the operator", list(text()), false},
		field{"anchor", "`before`: it sends nothing until somebody outside has taken its intent", enum(Async, Before), false},
		field{"desks", "desks that must say go before it runs", list(text()), false})
}

func phaseShape() *shape {
	budget := duration()
	budget.param = true
	return object("phase",
		field{"number", "default: its place in the list", &shape{form: formInt}, false},
		field{"name", "one or two words", text(), true},
		field{"block", "confirmed once and run back to back", &shape{form: formBool}, false},
		field{"budget", "of the block: first freezing answer to writes open; may be `$parameter`", budget, false},
		field{"risk", "of the block", enum(riskWords()...), false},
		field{"word", "what is typed for the block", text(), false},
		field{"title", "of the block", text(), false},
		field{"why", "of the block", text(), false},
		field{"edge", "of a release on a shared database: the states it leads between, `S2-S3`; in a way back downwards", text(), false},
		field{"steps", "in order", list(stepShape()), true})
}

// schemaShape is the change of a database that versions of an application share.
func schemaShape() *shape {
	mapping := object("mapping",
		field{"up", "each new column: the expression that makes it from the old ones", mapOf(text()), true},
		field{"down", "each old column: the expression that makes it from the new ones", mapOf(text()), true})
	return object("schema",
		field{"on", "target: the database", text(), true},
		field{"router", "target that sends requests to a colour", text(), true},
		field{"table", "`schema.table`", text(), true},
		field{"key", "integer column, unique, along which rows are filled", text(), true},
		field{"old", "what only the old shape has: `column name`", list(text()), true},
		field{"new", "what only the new shape has: `column x`, `index i`", list(text()), true},
		field{"both", "what is there only as long as both shapes are: `trigger t`", list(text()), false},
		field{"map", "how one shape is made from the other", mapping, true},
		field{"filled", "new column that is NULL in a row that is not filled yet, and in no other", text(), true},
		field{"others", "roles of clients besides, each with its owner", mapOf(text()), false},
		field{"no_down", "features of green whose data the old shape cannot hold", list(text()), false})
}

// bookShape is the whole language.
func bookShape() *shape {
	engine := text()
	engine.param = true
	param := object("parameter",
		field{"type", "what it may hold", enum(paramTypes()...), true},
		field{"default", "value if none is given; a list for type list", &shape{form: formScalar, single: true, of: text()}, false},
		field{"doc", "one line for the operator", text(), false},
		field{"required", "there is no default that fits", &shape{form: formBool}, false},
		field{"secret", "never shown", &shape{form: formBool}, false})
	target := object("target",
		field{"engine", "name of the engine; may be `$parameter`", engine, true},
		field{"colour", "what it is in the cutover; default: its id", enum("blue", "green", "turquoise", "router"), false},
		field{"dsn", "where the connection string is kept", refShape(), true},
		field{"params", "settings of the target; `${env:NAME}` is filled in", mapOf(&shape{form: formScalar}), false})
	colour := object("colour",
		field{"role", "role that this version, and nobody else, logs in with", text(), false})
	way := object("way back",
		field{"name", "by which it is called", text(), true},
		field{"title", "a few words", text(), true},
		field{"after", "first step from which on it is the right way", text(), true},
		field{"until", "step that closes it; without it the end of the runbook", text(), false},
		field{"loses", "what is lost: `nothing` or a sentence", text(), true},
		field{"ends", "side that has the writes afterwards", text(), true},
		field{"phases", "the walk", list(phaseShape()), true})
	return object("runbook",
		field{"name", "by which it is called; also the file's name", text(), true},
		field{"title", "one line", text(), true},
		field{"why", "for whom and when", text(), false},
		field{"author", "who wrote it, as the signers file names them; cannot approve its steps", text(), false},
		field{"params", "by name", mapOf(param), false},
		field{"secrets", "slots that plans fill at the last moment, by name", mapOf(refShape()), false},
		field{"targets", "servers and routers, by id", mapOf(target), true},
		field{"colours", "of a shared database: the versions of the application, `blue`, `turquoise`, `green`", mapOf(colour), false},
		field{"schema", "of a shared database: how its table changes", schemaShape(), false},
		field{"phases", "the walk", list(phaseShape()), true},
		field{"ways_back", "walks that take the cutover back", list(way), false})
}
