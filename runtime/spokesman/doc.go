// Package spokesman lets one of many processes speak for all that have the same to say.
//
// Sixty-four ranks of one mpirun that are refused for one reason would print the reason
// sixty-four times, and nobody finds it among the launcher's own lines. So the processes
// of a [Group] meet, by a name made of the group and what happened (package rendezvous: the
// kernel is the lock, and no file is left behind). The first prints; the others wait
// until it has.
//
// What must hold: nobody keeps silent unless it has been printed. So a process that
// cannot meet the others, whose speaker ends or is silent for too long, prints for itself:
// an error that comes twice is better than one that is lost.
//
// All wait for each other for a short time. A launcher ends all of its processes when the
// first one fails; one that left at once would keep the others from hearing that it
// has been printed, and those that come later would have nobody to ask.
package spokesman
