package session

// DSNPasswords is for the test of the forms.
var DSNPasswords = dsnPasswords

// TellOfData is what the door of comparisons calls.
func (s *Session) TellOfData(bad bool, text string) { s.tellOfData(bad, text) }
