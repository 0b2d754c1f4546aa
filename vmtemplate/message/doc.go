// Package message holds every text that people read in jbuild, in English and in
// Japanese.
//
// # Texts
//
// A Text is an entry of the catalogue with its arguments, in no language yet.
// Packages return and pass Texts; only what draws on a screen turns them into
// words, with the Printer of the person who reads:
//
//	text := message.Of("workspace.size", name, message.Bytes(size))
//	fmt.Println(printer.Text(text))
//
// An argument may be a Text itself. Bytes and Time are arguments that are written as
// the language does it.
//
// # Errors
//
// An Error has three parts, as package fault has them: what happened, why, and what
// to type next; the first and the last are Texts. Why is any error; what libraries
// say stays as they say it. What jrun's packages say (fault.Error) is printed in the
// reader's language with the words of package fault/language, which has those of the
// system, too.
//
//	return message.Fail(message.Of("workspace.missing", name), nil, message.Of("workspace.missing.next"))
//
// # The catalogue
//
// catalogue/*.toml has one table for each text, with both languages side by side:
//
//	[workspace.missing]
//	en = "there is no workspace called %s"
//	ja = "「%s」というワークスペースはありません"
//
// Verbs are those of fmt; %[2]s changes their order. A name's first part is the
// package's, and names its file. Japanese is written for the reader, not word by
// word: です and ます, short sentences, commands in 「」 only inside of sentences.
//
// TestCatalogue fails when the sources use a name that is not there, when a text lacks
// a language or takes other arguments than it is given, and when nobody uses it.
package message
