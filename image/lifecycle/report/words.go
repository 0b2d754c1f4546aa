package report

import "fmt"

// language is the words of a page.
type language struct {
	Title, Made, ByProject, ByPerson, ByAge                        string
	Project, Owner, Person, Projects, InHarbor, Quota, Images, Sum string
	InStore, Deleted, OwnPart, LastPush, LastUse, Age, None        string
	Unreadable, Missing, Chart, Counted                            string
	Less, Longer                                                   string
}

var words = map[string]language{
	"en": {
		Title: "Storage of container images", Made: "Made on %s; %s", ByProject: "By project", ByPerson: "By person", ByAge: "By last use",
		Project: "Project", Owner: "Owner", Person: "Person", Projects: "Projects", InHarbor: "In Harbor", Quota: "Quota", Images: "Images", Sum: "Size of images",
		InStore: "In the store", Deleted: "Deleted, can be had back", OwnPart: "Own part of the store", LastPush: "Last push", LastUse: "Last use", Age: "Last used", None: "none",
		Unreadable: "not counted: the own parts of %d users in the store, which only they can read", Missing: "not counted",
		Chart: "Chart of the table below: %s", Counted: "In Harbor, a layer that several images of a project share counts once. By last use, each image counts for itself.",
		Less: "less than %d days ago", Longer: "longer ago",
	},
	"ja": {
		Title: "コンテナイメージの保存容量", Made: "%s 作成・%s", ByProject: "プロジェクト別", ByPerson: "利用者別", ByAge: "最終利用日別",
		Project: "プロジェクト", Owner: "所有者", Person: "利用者", Projects: "プロジェクト数", InHarbor: "Harbor", Quota: "上限", Images: "イメージ数", Sum: "イメージの大きさ",
		InStore: "ストア", Deleted: "削除済み（復元可能）", OwnPart: "本人専用のストア", LastPush: "最終アップロード", LastUse: "最終利用", Age: "最終利用", None: "なし",
		Unreadable: "%d 名の本人専用のストアは、本人しか読めないため含まれていません", Missing: "含まれていないもの",
		Chart: "下の表のグラフ：%s", Counted: "Harbor の容量では、プロジェクト内で共有されるレイヤーは一度だけ数えます。最終利用日別では、イメージごとに数えます。",
		Less: "%d 日以内", Longer: "それより前",
	},
}

// age is the words for an age.
func (l language) age(a Age) string {
	if a.Days == 0 {
		return l.Longer
	}
	return fmt.Sprintf(l.Less, a.Days)
}
