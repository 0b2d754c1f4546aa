package report

import (
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"

	"github.com/go-analyze/charts"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/quantity"
)

// bar is one of a chart: one number of bytes for each series.
type bar struct {
	label  string
	values []int64
}

// mostBars is how many bars a chart has; the table has all.
const mostBars = 15

// mostMarks is how many marks the axis of sizes has, so that they do not touch.
const mostMarks = 5

// picture is a chart for a light and a dark page, as addresses of images.
type picture struct {
	Light template.URL
	Dark  template.Srcset
}

// draw makes a chart of horizontal bars, the first on top. As images, and not as a part
// of the page, they can run nothing, whatever names are in them.
func draw(bars []bar, series []string) (picture, error) {
	light, err := drawSVG(bars, series, charts.ThemeLight)
	if err != nil {
		return picture{}, err
	}
	dark, err := drawSVG(bars, series, charts.ThemeDark)
	// Base64 is all that is trusted.
	return picture{template.URL(address(light)), template.Srcset(address(dark))}, err //nolint:gosec // see above
}

func address(svg []byte) string {
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg)
}

func drawSVG(bars []bar, series []string, theme string) ([]byte, error) {
	bars = bars[:min(len(bars), mostBars)]
	values := make([][]float64, len(series))
	labels := make([]string, len(bars))
	for i, b := range bars {
		last := len(bars) - 1 - i // the library begins at the bottom
		labels[last] = roomy(label(b.label))
		for s := range series {
			if values[s] == nil {
				values[s] = make([]float64, len(bars))
			}
			values[s][last] = float64(b.values[s])
		}
	}
	size := func(v float64) string { return strings.Replace(quantity.Size(int64(v)), ".0 ", " ", 1) }
	options := charts.NewBarChartOptionWithData(values)
	options.Horizontal, options.StackSeries = true, charts.Ptr(true)
	options.Theme = charts.GetTheme(theme)
	options.ValueFormatter = size
	options.ValueAxis = []charts.ValueAxisOption{{ValueFormatter: size, LabelCount: mostMarks}}
	options.CategoryAxis.Labels = labels
	options.Legend.SeriesNames = series
	if len(series) == 1 {
		options.Legend.Show = charts.Ptr(false)
	}
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: 860, Height: 80 + 30*max(len(bars), 1)})
	if err := painter.BarChart(options); err != nil {
		return nil, fmt.Errorf("drawing a chart: %w", err)
	}
	return painter.Bytes()
}

// label is a name in a chart: one short line, without what means something in SVG.
func label(s string) string {
	const most = 28
	s = strings.Map(func(r rune) rune {
		switch r {
		case '<':
			return '‹'
		case '>':
			return '›'
		case '&':
			return '＆'
		case '"', '\'':
			return '’'
		}
		return r
	}, printable.Line(s))
	return printable.CutRunes(s, most)
}

// roomy makes a label as wide as it may be on somebody's screen: it is measured with a
// font that knows no Japanese, and shown with any.
func roomy(s string) string {
	wide, n := 0, 0
	for _, r := range s {
		n++
		if r >= 0x1100 {
			wide++
		}
	}
	return s + strings.Repeat("\u00a0", 1+n/2+2*wide)
}
