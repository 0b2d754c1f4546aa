package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker"
	podman "go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage/pkg/configfile"
)

// ErrUnsigned is wrapped by errors about images that policy.json refuses.
var ErrUnsigned = errors.New("policy.json does not accept it")

// signatureNote remembers which policy accepted which digest under which name.
const signatureNote = "signature"

// signaturePolicy is the containers-policy.json(5) of this machine: the user's own,
// else that of /etc/containers; with a sum that changes when it does. It is nil
// where there is none, and where it accepts anything of a transport.
func (c *Client) signaturePolicy(transport string) (policy *signature.Policy, sum string, err error) {
	policy, err = signature.DefaultPolicy(&c.base)
	if errors.Is(err, configfile.ErrConfigFileNotFound) && os.Getenv("CONTAINERS_POLICY_JSON") == "" {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fault.New("the policy about signatures cannot be read", err, "mend ~/.config/containers/policy.json or /etc/containers/policy.json (man containers-policy.json)")
	}
	text, err := json.Marshal(policy)
	if err != nil {
		return nil, "", fmt.Errorf("encoding the policy about signatures: %w", err)
	}
	if acceptsAnything(text, transport) {
		return nil, "", nil
	}
	of := sha256.Sum256(text)
	return policy, hex.EncodeToString(of[:]), nil
}

// checkSignatures applies the policy about signatures to a registry's image. What
// was accepted is remembered until the policy changes, so that an image that is in
// the store starts with one request.
func (c *Client) checkSignatures(ctx context.Context, st *store.Store, r Resolved) error {
	policy, sum, err := c.signaturePolicy(docker.Transport.Name())
	if policy == nil || err != nil {
		return err
	}
	name, accepted := r.Reference.String()+" "+r.Digest.String(), ""
	if _, err := st.Note(signatureNote, name, &accepted); err == nil && accepted == sum {
		return nil
	}
	src, err := c.open(ctx, r.Reference, r.Digest, nil)
	if err != nil {
		return c.registryFault(ctx, r.Reference, err)
	}
	defer func() { _ = src.Close() }() // only read from
	// The policy is about the name that was asked for, not about the digest.
	asked, err := transportReference(r.Reference.name)
	if err != nil {
		return err
	}
	if err := c.verifySignatures(ctx, policy, src, asked); err != nil {
		return err
	}
	_ = st.SetNote(signatureNote, name, sum) // it only saves requests
	return nil
}

// checkLocalSignatures applies the policy to a layout or an archive.
func (c *Client) checkLocalSignatures(ctx context.Context, src *source) error {
	policy, _, err := c.signaturePolicy(src.Reference().Transport().Name())
	if policy == nil || err != nil {
		return err
	}
	return c.verifySignatures(ctx, policy, src, src.Reference())
}

// verifySignatures asks the policy about an open image. Of one for several
// platforms the index or the manifest for this one must be signed: the index names
// the manifest by its digest.
func (c *Client) verifySignatures(ctx context.Context, policy *signature.Policy, src *source, asked types.ImageReference) error {
	refused := accepted(ctx, policy, src, nil, asked)
	if refused != nil && manifest.MIMETypeIsMultiImage(src.mime) {
		if instance, err := c.choose(src.manifest, src.mime); err == nil && accepted(ctx, policy, src, &instance, asked) == nil {
			return nil
		}
	}
	if refused == nil || ctx.Err() != nil {
		return refused
	}
	return fault.Newf(fault.Because("%w: %w", ErrUnsigned, refused), "use an image that is signed as the policy wants it, or ask whoever made it to sign it\n"+
		"the policy is in ~/.config/containers/policy.json or /etc/containers/policy.json", "%s may not run here", src.ref)
}

// accepted asks the policy about one manifest.
func accepted(ctx context.Context, policy *signature.Policy, src *source, instance *digest.Digest, asked types.ImageReference) error {
	judge, err := signature.NewPolicyContext(policy)
	if err != nil {
		return fmt.Errorf("reading the policy about signatures: %w", err)
	}
	defer func() { _ = judge.Destroy() }()
	unparsed := podman.UnparsedInstanceWithReference(podman.UnparsedInstance(asOpened(src.ImageSource), instance), asked)
	allowed, err := judge.IsRunningImageAllowed(ctx, unparsed)
	if err == nil && !allowed {
		err = fault.Because("it is not allowed")
	}
	return err
}

// acceptsAnything reports whether a policy has no other requirement than
// insecureAcceptAnything, for any image of a transport.
func acceptsAnything(policy []byte, transport string) bool {
	type requirements []struct {
		Type string `json:"type"`
	}
	var p struct {
		Default    requirements                       `json:"default"`
		Transports map[string]map[string]requirements `json:"transports"`
	}
	if json.Unmarshal(policy, &p) != nil {
		return false
	}
	all := slices.Clone(p.Default)
	for _, scope := range p.Transports[transport] {
		all = append(all, scope...)
	}
	return !slices.ContainsFunc(all, func(r struct {
		Type string `json:"type"`
	}) bool {
		return r.Type != "insecureAcceptAnything"
	})
}
