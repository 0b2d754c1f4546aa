package vmlease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Aria is VMware Aria Automation 8.x (once vRealize Automation). A deployment has a
// lease; each machine in it is a VM. The API is that of the "Aria Automation API
// Programming Guide": Identity Service and IaaS for the login, Deployment for the list.
//
//	POST /csp/gateway/am/api/login?access_token   user, password → refresh token (90 days)
//	POST /iaas/api/login                          refresh token → access token (8 hours)
//	GET  /deployment/api/deployments              page by page, with their resources
type Aria struct {
	Base           *url.URL
	HTTP           *http.Client // nil is one that verifies TLS
	User, Password string
	Domain         string // of User; empty for a local account
	RefreshToken   string // in place of User

	pause    time.Duration // of web; for tests
	pageSize int
}

var _ Source = (*Aria)(nil)

// What bounds a list. A deployment with resources is some kilobytes.
const (
	ariaPageSize = 100
	ariaMost     = mostLeases/ariaPageSize + 1 // pages
)

// deployment is what Deployment of the API says that we need. OwnedBy is a user as they
// log in, with or without a domain; of a deployment that belongs to a group, the group.
type deployment struct {
	Name      string    `json:"name"`
	OwnedBy   string    `json:"ownedBy"`
	OwnerType string    `json:"ownerType"` // USER, AD_GROUP; missing in older ones
	Ends      time.Time `json:"leaseExpireAt"`
	// GraceDays is how long a machine is kept, without power, behind its lease.
	GraceDays *int `json:"leaseGracePeriodDays"`
	Resources []struct {
		Name       string `json:"name"`
		Type       string `json:"type"` // Cloud.vSphere.Machine, Cloud.Machine, …
		Properties struct {
			ResourceName string `json:"resourceName"` // what it is called in vSphere
			Hostname     string `json:"hostname"`
		} `json:"properties"`
	} `json:"resources"`
}

// deployments is a page of them.
type deployments struct {
	Content    []deployment `json:"content"`
	TotalPages int          `json:"totalPages"`
	Last       *bool        `json:"last"`
}

// Leases implements Source.
func (a *Aria) Leases(ctx context.Context) iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		asked, err := a.login(ctx)
		for page := 0; err == nil; page++ {
			var got deployments
			if got, err = a.page(ctx, asked, page); err != nil {
				break
			}
			for _, d := range got.Content {
				for _, l := range d.leases() {
					if !yield(l, nil) {
						return
					}
				}
			}
			if len(got.Content) == 0 || got.Last != nil && *got.Last || got.Last == nil && page+1 >= got.TotalPages {
				return
			}
			if page == ariaMost {
				err = errors.New("the list of deployments does not end")
			}
		}
		yield(Lease{}, fmt.Errorf("asking Aria Automation: %w", err))
	}
}

// login gets an access token. The tokens and the password are in no error.
func (a *Aria) login(ctx context.Context) (*web, error) {
	w := newWeb(a.HTTP, "")
	if a.pause != 0 {
		w.pause = a.pause
	}
	refresh := a.RefreshToken
	if refresh == "" {
		var got struct {
			RefreshToken string `json:"refresh_token"`
		}
		login := map[string]string{"username": a.User, "password": a.Password}
		if a.Domain != "" {
			login["domain"] = a.Domain
		}
		if err := a.post(ctx, w, "/csp/gateway/am/api/login?access_token", login, &got); err != nil {
			return nil, fmt.Errorf("logging in as %s: %w", a.User, err)
		}
		refresh = got.RefreshToken
	}
	var got struct {
		Token string `json:"token"`
	}
	if err := a.post(ctx, w, "/iaas/api/login", map[string]string{"refreshToken": refresh}, &got); err != nil {
		return nil, fmt.Errorf("getting an access token: %w", err)
	}
	if got.Token == "" {
		return nil, errors.New("the login was answered without a token")
	}
	w.token = got.Token
	return w, nil
}

func (a *Aria) post(ctx context.Context, w *web, path string, body, out any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answer, err := w.ask(ctx, http.MethodPost, a.address(path), b)
	if err != nil {
		return err
	}
	if json.Unmarshal(answer, out) != nil {
		return errors.New("the answer is no JSON") // what it is may be a token
	}
	return nil
}

func (a *Aria) page(ctx context.Context, w *web, page int) (deployments, error) {
	size := ariaPageSize
	if a.pageSize != 0 {
		size = a.pageSize
	}
	query := url.Values{"page": {strconv.Itoa(page)}, "size": {strconv.Itoa(size)}, "sort": {"createdAt,ASC"}, "expand": {"resources"}}
	answer, err := w.ask(ctx, http.MethodGet, a.address("/deployment/api/deployments?"+query.Encode()), nil)
	if err != nil {
		return deployments{}, err
	}
	var got deployments
	if err := json.Unmarshal(answer, &got); err != nil {
		return deployments{}, fmt.Errorf("reading page %d of the deployments: %w", page, err)
	}
	return got, nil
}

func (a *Aria) address(path string) string { return strings.TrimSuffix(a.Base.String(), "/") + path }

// leases are a deployment's machines.
func (d deployment) leases() []Lease {
	var all []Lease
	for _, r := range d.Resources {
		if !strings.HasPrefix(r.Type, "Cloud.") || !strings.HasSuffix(r.Type, "Machine") {
			continue // networks, volumes
		}
		l := Lease{VM: r.Properties.ResourceName, Host: r.Properties.Hostname, Owner: OwnerID(d.OwnedBy), Ends: d.Ends}
		if l.VM == "" {
			l.VM = d.Name + "/" + r.Name // not deployed yet
		}
		if d.OwnerType != "" && d.OwnerType != "USER" {
			l.Owner = ""
		}
		if d.GraceDays != nil && *d.GraceDays >= 0 && !d.Ends.IsZero() {
			l.Destroyed = d.Ends.AddDate(0, 0, *d.GraceDays)
		}
		all = append(all, l)
	}
	return all
}
