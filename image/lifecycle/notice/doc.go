// Package notice writes letters to people: welcome, you are leaving, your machine ends.
//
//	post, err := notice.Open(notice.Options{…})
//	sent, err := post.Send(ctx, notice.Letter{To: person, Kind: "welcome", Key: "welcome/u001", Data: data})
//
// # Texts
//
// A kind is a pair of files, catalogue/<kind>.en.txt and .ja.txt: the first line is
// "Subject: …", then comes an empty line, then the letter. They are templates of
// text/template over
//
//	.To     who gets it (people.Person): {{.To.Name}}
//	.Site   the site (Site): {{.Site.Name}}, {{.Site.Registry}}, {{.Site.Help}}
//	.Data   what the sender of this kind gives it: {{.Data.Project}}
//	.Lang   en or ja
//	join    {{join .Data.Images ", "}}
//
// A file of the same name in the site's own directory (mail.templates) replaces one.
// Any package of lifecycle may add its kinds. A letter is in the person's language, or
// in the site's where they have none, or in both.
//
// # Once, or at least once
//
// A letter has a Key, and that of one Key is sent once, ever: package state remembers
// it (kind "letters"). Begun is written down before it goes out and Sent after. If jadm
// is killed, or the connection breaks, between the server's having it and the noting of
// that, it goes out again: at least once is the promise. Such a second copy has the
// same Message-ID and date, so that mail programs show one. While one process sends,
// others wait. A letter that did not go out is an error; the caller sends it again
// later, as often as it likes. ErrRefused says that this will not help, ErrNoAddress
// that there is nowhere to send it to.
//
// # What is hostile
//
// Names and whatever Data holds. Subjects and addresses are one line each, encoded by
// the library; a template's first line is parsed on its own, so that no value can begin
// another header or the body. Control characters do not get through. The password for
// SMTP is in its file, and goes to a server whose certificate is good, and nowhere else.
package notice
