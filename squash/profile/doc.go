// Package profile makes the second start of a program from cold storage faster
// than the first: it records which parts of an image's file a start reads, and
// reads them ahead in one sweep the next time.
//
// A start touches a few hundred blocks all over the file, one after the other:
// each is needed to know which comes next. On a busy NFS or Lustre server every
// one costs a round trip. The next start touches the same blocks, so they can
// be asked for in the order of their offsets, in large pieces, several at once,
// before the program gets to them.
//
//	recorder := profile.Record(file)             // reads go through it
//	r, err := reader.Open(recorder, size, …)
//	if p, err := profile.Load(name); err == nil {
//		go p.Sweep(ctx, file)                // fills the page cache
//	}
//	…
//	recorder.Stop().Save(name)                   // after some seconds
//
// The page cache is where the sweep's data goes; nothing is held in memory
// here. What is in the page cache already is not read again.
//
// A profile is advice: it is bounded, checked when it is loaded, and if it is
// wrong in spite of that, some bytes are read for nothing.
package profile
