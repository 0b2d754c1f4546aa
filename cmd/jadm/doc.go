// jadm is for administrators: people and images over time. Each file is one command,
// and nothing but flags, calls and printing; what is done is in image/lifecycle.
package main
