// Package people answers who there is, who belongs to which group, and whose account
// has ended, from the site's directory (LDAP) or from a CSV file.
package people
