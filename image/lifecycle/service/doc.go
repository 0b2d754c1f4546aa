// Package service is jadm serve: HTTP for Harbor's webhooks, Prometheus and whoever
// watches, and what is done again and again.
//
//	POST /v1/webhook   Harbor tells of a change; the secret is in Authorization
//	GET  /healthz      200 while all is well; 503 and why when it has not been for long
//	GET  /metrics      for Prometheus; with a bearer token if one is configured
//
// Others (package vmlease) add routes as Options.Handlers, and work as Tasks.
//
// # What comes from outside
//
// Everybody can connect, so nothing that a stranger sends takes more than a bounded
// amount of time and memory: headers and bodies have a size and a deadline, connections
// a number. The secret is compared before the body is read. What a webhook says is not
// believed but taken as a hint where to look (package mirror), so a doubled, delayed or
// replayed one does no harm.
//
// jadm queue talks to a socket in the state directory that only the service account can
// open: no secret is needed, and none is sent.
//
// # Being a service
//
// One process serves a state directory: a second one is refused. It tells systemd when
// it is ready, and that it is alive. When it is asked to end it stops listening, gives
// up what it is converting, and is gone within seconds; killed, it loses nothing (see
// package mirror). Logs hold no secret: none is ever put into one.
package service
