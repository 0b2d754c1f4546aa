package main

import (
	"fmt"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/squash/writer"
	"github.com/spf13/cobra"
)

func newConvertCommand(g *globalOptions) *cobra.Command {
	var compression, blockSize string
	var jobs int
	var force bool
	cmd := &cobra.Command{
		Use:   "convert [flags] IMAGE FILE.sqfs",
		Short: "Convert an image into a squashfs file of your own",
		Long: `Convert an image into a squashfs file of your own, which can be kept beside a
paper's data, carried to another machine, run (jrun run ./FILE.sqfs COMMAND) and
mounted. What the image says about itself goes into FILE.json. The store is not
used. The same image and the same settings give the same bytes on every machine.`,
		Example: `  jrun convert harbor.example.ac.jp/lab/sim:2 sim-2.sqfs
  jrun convert docker-archive:saved.tar saved.sqfs --compression gzip   # for old kernels and tools`,
		Args: wantArgs(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts := writer.Options{Jobs: jobs}
			if err := parseCompression(compression, &opts); err != nil {
				return err
			}
			var err error
			if opts.BlockSize, err = parseBlockSize(blockSize); err != nil {
				return err
			}
			if jobs < 0 {
				return fault.Newf(fault.Because("%d is less than 0", jobs), "write --jobs 4, or leave it out", "cannot use --jobs %d", jobs)
			}
			ref, err := image.ParseReference(args[0])
			if err != nil {
				return err
			}
			s, err := g.open()
			if err != nil {
				return err
			}
			s.report.begin(ref.Familiar())
			boundMemory()
			object, err := s.client.Export(cmd.Context(), s.store, ref, args[1], opts, force, s.report.event)
			s.report.end(object, err == nil, err)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), object.Digest)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&compression, "compression", "zstd:3", "`METHOD[:LEVEL]`: zstd, gzip, lz4 or none")
	flags.StringVar(&blockSize, "block-size", "128K", "`SIZE` of a block, a power of two from 4K to 1M; larger ones make smaller files and slower random reads")
	flags.IntVar(&jobs, "jobs", 0, "compress with `N` threads (default: all CPUs that the job has); does not change the result")
	flags.BoolVar(&force, "force", false, "replace FILE.sqfs if it exists")
	return cmd
}
