package starter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/shellword"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// rLibraries are what well-known packages need of Debian or Ubuntu to be compiled: what
// their field SystemRequirements on CRAN asks for, in the names that Debian has for it.
// Those of packages that many others import are named with these.
var rLibraries = map[string][]string{
	"curl":        {"libcurl4-openssl-dev"},
	"openssl":     {"libssl-dev"},
	"xml2":        {"libxml2-dev"},
	"XML":         {"libxml2-dev"},
	"httr":        {"libcurl4-openssl-dev", "libssl-dev"},
	"httr2":       {"libcurl4-openssl-dev", "libssl-dev"},
	"rvest":       {"libcurl4-openssl-dev", "libssl-dev", "libxml2-dev"},
	"RCurl":       {"libcurl4-openssl-dev"},
	"tidyverse":   {"libcurl4-openssl-dev", "libssl-dev", "libxml2-dev", "libfontconfig1-dev", "libfreetype-dev", "libharfbuzz-dev", "libfribidi-dev", "libpng-dev", "libtiff-dev", "libjpeg-dev"},
	"devtools":    {"libcurl4-openssl-dev", "libssl-dev", "libxml2-dev", "libgit2-dev", "libfontconfig1-dev", "libfreetype-dev", "libharfbuzz-dev", "libfribidi-dev", "libpng-dev", "libtiff-dev", "libjpeg-dev"},
	"systemfonts": {"libfontconfig1-dev", "libfreetype-dev"},
	"textshaping": {"libfreetype-dev", "libharfbuzz-dev", "libfribidi-dev"},
	"ragg":        {"libfontconfig1-dev", "libfreetype-dev", "libharfbuzz-dev", "libfribidi-dev", "libpng-dev", "libtiff-dev", "libjpeg-dev"},
	"svglite":     {"libfontconfig1-dev", "libfreetype-dev", "libpng-dev"},
	"Cairo":       {"libcairo2-dev", "libxt-dev"},
	"png":         {"libpng-dev"},
	"jpeg":        {"libjpeg-dev"},
	"tiff":        {"libtiff-dev"},
	"magick":      {"libmagick++-dev"},
	"rgl":         {"libgl1-mesa-dev", "libglu1-mesa-dev", "libfreetype-dev", "libpng-dev"},
	"sf":          {"libgdal-dev", "gdal-bin", "libgeos-dev", "libproj-dev", "libsqlite3-dev", "libudunits2-dev"},
	"terra":       {"libgdal-dev", "gdal-bin", "libgeos-dev", "libproj-dev", "libsqlite3-dev"},
	"raster":      {"libgdal-dev", "gdal-bin", "libgeos-dev", "libproj-dev", "libsqlite3-dev"},
	"stars":       {"libgdal-dev", "gdal-bin", "libgeos-dev", "libproj-dev", "libsqlite3-dev", "libudunits2-dev"},
	"lwgeom":      {"libgdal-dev", "libgeos-dev", "libproj-dev", "libudunits2-dev"},
	"units":       {"libudunits2-dev"},
	"ncdf4":       {"libnetcdf-dev"},
	"RNetCDF":     {"libnetcdf-dev", "libudunits2-dev"},
	"hdf5r":       {"libhdf5-dev"},
	"Seurat":      {"libhdf5-dev", "libcurl4-openssl-dev", "libssl-dev", "libpng-dev", "libglpk-dev", "libxml2-dev"},
	"igraph":      {"libglpk-dev", "libxml2-dev", "libgmp3-dev"},
	"gmp":         {"libgmp3-dev"},
	"Rmpfr":       {"libgmp3-dev", "libmpfr-dev"},
	"gsl":         {"libgsl-dev"},
	"RcppGSL":     {"libgsl-dev"},
	"nloptr":      {"cmake"},
	"lme4":        {"cmake"},
	"fftw":        {"libfftw3-dev"},
	"Rglpk":       {"libglpk-dev"},
	"rjags":       {"jags"},
	"R2jags":      {"jags"},
	"rJava":       {"default-jdk"},
	"xlsx":        {"default-jdk"},
	"Rmpi":        {"libopenmpi-dev", "openmpi-bin"},
	"pbdMPI":      {"libopenmpi-dev", "openmpi-bin"},
	"RPostgreSQL": {"libpq-dev"},
	"RPostgres":   {"libpq-dev"},
	"RMySQL":      {"libmariadb-dev"},
	"RMariaDB":    {"libmariadb-dev", "libssl-dev"},
	"odbc":        {"unixodbc-dev"},
	"sodium":      {"libsodium-dev"},
	"gert":        {"libgit2-dev"},
	"git2r":       {"libgit2-dev", "libssh2-1-dev", "libssl-dev"},
	"stringi":     {"libicu-dev"},
	"V8":          {"libnode-dev"},
	"pdftools":    {"libpoppler-cpp-dev"},
	"tesseract":   {"libtesseract-dev", "libleptonica-dev", "tesseract-ocr-eng"},
	"RcppMeCab":   {"libmecab-dev", "mecab", "mecab-ipadic-utf8"},
	"data.table":  {"zlib1g-dev"},
	"Rhtslib":     {"libbz2-dev", "liblzma-dev", "zlib1g-dev", "libcurl4-openssl-dev"},
	"rmarkdown":   {"pandoc"},
	"knitr":       {"pandoc"},
	"arrow":       {"libcurl4-openssl-dev", "libssl-dev", "cmake"},
	"protolite":   {"libprotobuf-dev", "protobuf-compiler"},
	"redland":     {"librdf0-dev"},
	"audio":       {"portaudio19-dev"},
	"reticulate":  {"python3", "python3-venv"},
	"clustermq":   {"libzmq3-dev"},
	"rzmq":        {"libzmq3-dev"},
}

// remote is owner/repository of GitHub, with a branch, a tag or a commit.
var remote = form(`^(?:github::)?([A-Za-z0-9-]+/[A-Za-z0-9._-]+(?:@[A-Za-z0-9._/-]+)?)$`)

func (p *planner) rDescription(text []byte) error {
	d, err := parseDescription(p.Name, text)
	if err != nil {
		return err
	}
	packages, r, err := d.wanted(p.Name)
	if err != nil {
		return err
	}
	if len(packages) == 0 {
		return message.Fail(message.Of("starter.empty", p.Name), nil, message.Of("starter.r.empty.next"))
	}
	var fits func(string) bool
	what := ""
	if len(r) > 0 {
		fits = func(version string) bool { return satisfied(version, r) }
		var wanted []string
		for _, w := range r {
			wanted = append(wanted, strings.TrimSpace("R "+w.operator+" "+w.version))
		}
		what = strings.Join(wanted, ", ")
	}
	base, err := p.choose(rImage, fits, what)
	if err != nil {
		return err
	}
	p.file("DESCRIPTION", text)
	p.rSystem(base, packages)
	remotes, err := p.remotes(d)
	if err != nil {
		return err
	}
	p.step(message.Of("starter.step.r"), rscript(installR(packages, d.fields["biocViews"].text != "", remotes)))
	p.step(message.Of("starter.step.r-check"), rscript(checkR(packages)))
	p.rNotes(d, packages)
	return nil
}

// rSystem installs R where it is not, and libraries.
func (p *planner) rSystem(base candidate, packages []rPackage) {
	var system []string
	for _, r := range packages {
		system = append(system, rLibraries[r.name]...)
	}
	if base.family != rImage {
		system = append(system, "r-base-core", "r-base-dev", "ca-certificates")
	}
	slices.Sort(system)
	p.install(message.Of("starter.step.packages"), slices.Compact(system)...)
}

// remotes are packages of GitHub; others are left out, and said.
func (p *planner) remotes(d *description) ([]string, error) {
	f := d.fields["Remotes"]
	var list []string
	for _, item := range splitCounting(f.text) {
		m := remote().FindStringSubmatch(item.text)
		switch {
		case item.text == "":
		case hasPassword(item.text):
			return nil, wrong(p.Name, f.line+item.line, message.Of("starter.pip.password"))
		case m == nil:
			p.note(message.Of("starter.r.remote", item.text))
		default:
			list = append(list, m[1])
		}
	}
	return list, nil
}

func (p *planner) rNotes(d *description, packages []rPackage) {
	if s := d.fields["SystemRequirements"].text; s != "" {
		p.note(message.Of("starter.r.system", strings.Join(strings.Fields(s), " ")))
	}
	if d.fields["Suggests"].text != "" {
		p.note(message.Of("starter.r.suggests"))
	}
	if slices.ContainsFunc(packages, func(r rPackage) bool { return r.name == "torch" }) {
		p.note(message.Of("starter.r.torch"))
	}
	p.note(message.Of("starter.r.libraries"))
}

// installR is a program in R. It takes the repository that the variable CRAN names, or
// that the image's R has.
func installR(packages []rPackage, bioconductor bool, remotes []string) string {
	code := `lib <- if (length(.Library.site)) .Library.site[1] else .Library; dir.create(lib, FALSE, TRUE); ` +
		`repos <- getOption("repos"); cran <- Sys.getenv("CRAN"); if (nzchar(cran)) repos["CRAN"] <- cran else if (!length(repos) || repos["CRAN"] %in% c("@CRAN@", NA)) repos <- c(CRAN = "https://cloud.r-project.org"); ` +
		`options(repos = repos, Ncpus = parallel::detectCores(), timeout = 600); `
	if bioconductor {
		code += `install.packages("BiocManager", lib = lib); options(repos = BiocManager::repositories()); `
	}
	code += `install.packages(` + rNames(packages) + `, lib = lib)`
	if len(remotes) > 0 {
		quoted := make([]string, 0, len(remotes))
		for _, r := range remotes {
			quoted = append(quoted, fmt.Sprintf("%q", r))
		}
		code += `; install.packages("remotes", lib = lib); remotes::install_github(c(` + strings.Join(quoted, ", ") + `), lib = lib, upgrade = "never")`
	}
	return code
}

// checkR fails if a package is missing or too old, since install.packages only warns.
func checkR(packages []rPackage) string {
	code := `missing <- setdiff(` + rNames(packages) + `, rownames(installed.packages())); if (length(missing)) stop("not installed: ", paste(missing, collapse = ", "))`
	for _, p := range packages {
		if p.operator != "" {
			code += fmt.Sprintf("; stopifnot(packageVersion(%q) %s %q)", p.name, p.operator, p.version)
		}
	}
	return code
}

// rNames is a vector of the packages' names, each once.
func rNames(packages []rPackage) string {
	var names []string
	for _, p := range packages {
		if name := fmt.Sprintf("%q", p.name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return "c(" + strings.Join(names, ", ") + ")"
}

// rscript runs code without the user's settings. Names in it have no quotes.
func rscript(code string) string { return "Rscript --no-init-file -e " + shellword.Quote(code) }
