// Package language has what jrun says in the languages of its users. English is in
// the sources, where a text is made; the others are here, in files of gettext (ja.po),
// under the English format:
//
//	msgid "there is no file %s"
//	msgstr "ファイル %s はありません"
//
// A file is a part of the program, and is read when the first text is asked for: a
// program that says nothing pays nothing. stages.ja.po has what the C of package
// sandbox says, which is handed to it with each command, and is small for that.
//
// Japanese is written as vmtemplate/message has it: です and ます, short, and for
// people who do not know containers. %[2]s takes arguments in another order.
//
// TestCatalogue reads the sources. It fails when a text has no Japanese, when the
// Japanese takes other arguments, and when nobody says the English any more.
package language
