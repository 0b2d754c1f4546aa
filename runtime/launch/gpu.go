package launch

import (
	"io/fs"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/gpu"
	"github.com/jrun-hpc/jrun/runtime/inject"
)

// gpus are the items that the job's GPUs need. It tells what a person should know.
func (o *Options) gpus(image fs.FS) ([]inject.Item, error) {
	plan, err := o.injection(image)
	if err != nil {
		return nil, err
	}
	for _, v := range plan.Warnings() {
		if o.Warn != nil {
			o.Warn(fault.Say("%s: %s", v.Subject, v.Reason).Then(fault.Lines(v.Next)))
		}
	}
	return plan.Items, nil
}

// injection is what the GPUs that the job gets need inside, and why.
func (o *Options) injection(image fs.FS) (gpu.Injection, error) {
	return gpu.Plan(gpu.ThisMachine(o.CDIDirs), o.selection, gpu.Image{Files: image, Env: o.Config.Env, Set: o.set})
}
