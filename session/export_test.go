package session

// DSNPasswords is for the test of the forms.
var DSNPasswords = dsnPasswords
