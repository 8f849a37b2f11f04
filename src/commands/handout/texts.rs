//! The texts around the steps.

use contract::Language;

/// The texts of one language.
#[derive(Debug)]
pub struct Texts {
    /// The heading, with the app's name.
    pub title: fn(&str) -> String,
    /// What this is.
    pub intro: &'static str,
    /// The label of the address of Zoom's portal.
    pub portal: &'static str,
    /// How to handle values copied from Zoom.
    pub secrets: &'static str,
    /// How many steps are done, of how many.
    pub progress: fn(usize, usize) -> String,
    /// When it was written, and for which integration.
    pub written: fn(&str, &str) -> String,
    /// The label of the place.
    pub place: &'static str,
    /// The column headings: action, field, value.
    pub columns: [&'static str; 3],
    /// The label of a mistake.
    pub mistake: &'static str,
    /// The label of what to avoid.
    pub caution: &'static str,
    /// The heading of the collapsed details of a done step.
    pub details: &'static str,
    /// The label of the awaited proof.
    pub proof: &'static str,
    /// Since when a step is done.
    pub since: fn(&str) -> String,
    /// How many personal links are not printed.
    pub links_left_out: fn(usize) -> String,
    /// Who may have the printed links, and how many of all links are printed.
    pub links: fn(usize, usize) -> String,
    /// The heading of the warnings.
    pub warnings: &'static str,
}

/// The texts of a language.
#[must_use]
pub fn texts(language: Language) -> &'static Texts {
    match language {
        Language::English => &ENGLISH,
        Language::Japanese => &JAPANESE,
    }
}

static ENGLISH: Texts = Texts {
    title: |app| format!("Setting up {app} in Zoom"),
    intro: "Go through the steps in this order. Copy every value exactly: upper and lower case and a trailing slash matter. A step counts as done when the operator has seen proof, not when somebody clicked.",
    portal: "Sign in here with the account that owns the app (Zoom for Government: https://marketplace.zoomgov.com):",
    secrets: "This page contains no secret. For each value that you copy from Zoom, it names the Secret in the cluster and the key that the value goes to. If you have no access to the cluster, hand the value over through your company's password manager. Do not send it by mail or chat, and do not keep it in notes.",
    progress: |done, all| format!("{done} of {all} steps are confirmed."),
    written: |integration, time| format!("For the integration {integration}, as of {time}."),
    place: "Where",
    columns: ["How", "Field", "Value"],
    mistake: "To correct",
    caution: "Careful",
    details: "Details",
    proof: "Proof",
    since: |time| format!("since {time}"),
    links_left_out: |count| {
        format!(
            "Personal links not used yet: {count}. They are not on this page, because each is for one person only."
        )
    },
    links: |shown, all| {
        format!(
            "Whoever has one of these personal links can authorize in that person's place. This page is only for those who may have all of them; send anybody else only their own link. Shown: {shown} of {all}."
        )
    },
    warnings: "Worth knowing",
};

static JAPANESE: Texts = Texts {
    title: |app| format!("Zoom での {app} の設定手順"),
    intro: "以下の手順を順番に行ってください。値は大文字と小文字、末尾のスラッシュも含め、一字一句そのままコピーしてください。各手順は、操作した時点ではなく、確認できた時点で完了となります。",
    portal: "アプリを所有するアカウントで、こちらからサインインしてください（Zoom for Government の場合：https://marketplace.zoomgov.com）：",
    secrets: "このページに機密情報は含まれていません。Zoom からコピーする値には、保存先となるクラスターの Secret とそのキーを記載しています。クラスターを操作できない場合は、社内のパスワード管理ツールで担当者に渡してください。メールやチャットで送ったり、メモに残したりしないでください。",
    progress: |done, all| format!("{all} 件の手順のうち {done} 件が確認済みです。"),
    written: |integration, time| format!("対象：{integration}（{time} 現在）"),
    place: "場所",
    columns: ["操作", "項目", "値"],
    mistake: "要修正",
    caution: "注意",
    details: "詳細",
    proof: "確認方法",
    since: |time| format!("{time} から"),
    links_left_out: |count| {
        format!(
            "まだ使われていない個人用リンクが {count} 件あります。個人用リンクは本人だけに送るものなので、このページには記載していません。"
        )
    },
    links: |shown, all| {
        format!(
            "個人用リンクを持つ人は、本人に代わって許可できてしまいます。このページは、すべてのリンクを知ってよい人だけに渡し、それ以外の人には本人のリンクだけを送ってください（{all} 件のうち {shown} 件を記載）。"
        )
    },
    warnings: "知っておいていただきたいこと",
};
