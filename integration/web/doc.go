// Package web tests the page of jbuild web as people meet it: in a browser, Chromium
// without a window. The tests need the build tag e2e.
//
// Most run against package stage, where a test can make go wrong what it wants.
// -screenshots DIR writes what the pages look like; `make screenshots` does.
//
// testdata/axe.min.js is axe-core, which finds what people with disabilities cannot use;
// its source is https://github.com/dequelabs/axe-core, its licence MPL 2.0. `make web`
// copies it from npm.
package web
