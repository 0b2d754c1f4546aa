package main

import (
	"fmt"
	"math"
)

// noTarget says that nothing is promised of a ratio.
const noTarget = 0

// judge writes a value in multiples of another, with the multiple that is
// aimed at and whether it was missed.
func judge(value, reference, target float64) string {
	text := ratio(value, reference)
	if target == noTarget || reference == 0 {
		return text
	}
	text += fmt.Sprintf(" (≤ %.2f", target)
	if value > target*reference {
		text += ", **missed**"
	}
	return text + ")"
}

// judgeAmount does so with an amount in units of its own, in whole ones.
func judgeAmount(value, target float64) string {
	text := fmt.Sprintf("%.0f (≤ %.0f", value, target)
	if math.Round(value) > target {
		text += ", **missed**"
	}
	return text + ")"
}

// judgeShare writes a multiple that is to be large, with the one that is aimed at.
func judgeShare(share, target float64) string {
	text := fmt.Sprintf("%.2f (≥ %.2f", share, target)
	if share < target {
		text += ", **missed**"
	}
	return text + ")"
}
