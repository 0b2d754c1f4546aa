// Package presence says who made a file and whether that process is still
// there, for files on storage that several machines share.
//
// Within one machine the answer is exact: a process is known by its pid and the
// time at which it started, as /proc/<pid>/stat has them, and a machine by the
// boot id of its kernel and the pid namespace, so that two containers with equal
// names are not mixed up. Across machines nobody can look; there a file that its
// owner rewrites now and then is watched for changes, by the watcher's own
// clock. Locks are not used: on network storage they may be local to a host,
// missing, or lost in a failover.
package presence
