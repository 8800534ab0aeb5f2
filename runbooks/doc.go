// Package runbooks is the language of the plan of the night: types, strict YAML,
// lint, parameters, the order of the walk, and the catalogue that ships.
//
// Parse tells an author everything that is wrong at once, each finding with
// line, column and the next move. Lint refuses what is known to lose data; what
// exists (kinds, stages, gauges) is handed in as a Catalog.
//
// Place: a leaf beside engines and audit. It may import engines (ids) and
// goccy/go-yaml.
//
// It never opens a file, a socket or an environment, never reads a clock, and
// knows an engine and a kind by name only, as strings.
package runbooks
