package engines

import "slices"

// PairTables hands the tables that both sides have to pair, in blue's order. The
// notes name what one side lacks, and what a role may not read: those are not
// handed on.
func PairTables(blue, green []TableShape, pair func(b, g TableShape)) []Note {
	there := map[string]TableShape{}
	for _, t := range green {
		there[t.Label()] = t
	}
	var notes []Note
	for _, b := range blue {
		g, ok := there[b.Label()]
		delete(there, b.Label())
		switch {
		case !ok:
			notes = append(notes, Note{Object: b.Label(), Why: "the table is missing on green", Differs: true})
		case b.Denied != "":
			notes = append(notes, Note{Object: b.Label(), Why: "cannot be read on blue: " + b.Denied, Blind: true})
		case g.Denied != "":
			notes = append(notes, Note{Object: b.Label(), Why: "cannot be read on green: " + g.Denied, Blind: true})
		default:
			pair(b, g)
		}
	}
	for _, t := range green {
		if _, ok := there[t.Label()]; ok {
			notes = append(notes, Note{Object: t.Label(), Why: "the table is on green alone", Differs: true})
		}
	}
	return notes
}

// PairColumns hands the columns that both tables have to pair, in blue's order,
// until it says no. A column that both sides compute from what is compared is left
// out. The notes name what one side lacks.
func PairColumns(b, g TableShape, pair func(b, g ColumnShape) bool) (notes []Note, ok bool) {
	there := map[string]ColumnShape{}
	for _, c := range g.Columns {
		there[c.Name] = c
	}
	for _, c := range b.Columns {
		o, has := there[c.Name]
		delete(there, c.Name)
		switch {
		case !has:
			notes = append(notes, Note{Object: b.Label() + "." + c.Name, Why: "the column is missing on green", Differs: true})
		case c.Generated != "" && c.Generated == o.Generated:
		case !pair(c, o):
			return notes, false
		}
	}
	for _, c := range g.Columns {
		if _, alone := there[c.Name]; alone {
			notes = append(notes, Note{Object: b.Label() + "." + c.Name, Why: "the column is on green alone", Differs: true})
		}
	}
	return notes, true
}

// PairKey are the columns of the key of both tables among those that are compared;
// none if the tables have not the same key.
func PairKey(b, g TableShape, cols []ColumnShape) []ColumnShape {
	if !slices.Equal(b.Key, g.Key) {
		return nil
	}
	var out []ColumnShape
	for _, k := range b.Key {
		i := slices.IndexFunc(cols, func(c ColumnShape) bool { return c.Name == k })
		if i < 0 {
			return nil
		}
		out = append(out, cols[i])
	}
	return out
}
