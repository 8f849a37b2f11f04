//! The words around the steps.

use contract::Language;

/// The words of one language.
#[derive(Debug)]
pub struct Texts {
    /// The heading, around the app's name.
    pub title: fn(&str) -> String,
    /// What this is.
    pub intro: &'static str,
    /// How to handle what is copied out of Zoom.
    pub secrets: &'static str,
    /// Of how many steps how many are done.
    pub progress: fn(usize, usize) -> String,
    /// When it was written, and for which integration.
    pub written: fn(&str, &str) -> String,
    /// Before the place.
    pub place: &'static str,
    /// Heads of the columns: how, field, value.
    pub columns: [&'static str; 3],
    /// Before what was done wrong.
    pub mistake: &'static str,
    /// Before what to keep one's hands off.
    pub caution: &'static str,
    /// Before the proof that is awaited.
    pub proof: &'static str,
    /// Since when a step is done.
    pub since: fn(&str) -> String,
    /// How many personal links there are that are not printed.
    pub links_left_out: fn(usize) -> String,
    /// Who may have those that are printed, and how many that is of all.
    pub links: fn(usize, usize) -> String,
    /// Above the warnings.
    pub warnings: &'static str,
}

/// The words of a language.
#[must_use]
pub fn texts(language: Language) -> &'static Texts {
    match language {
        Language::English => &ENGLISH,
        Language::Japanese => &JAPANESE,
    }
}

static ENGLISH: Texts = Texts {
    title: |app| format!("Setting up {app} in Zoom"),
    intro: "Go through the steps in this order. Copy every value to the letter: upper and lower case and a slash at the end matter. A step counts as done when its proof was seen, not when it was clicked.",
    secrets: "This page holds no secret. What you copy out of Zoom goes straight into the Secret that is named, not into mails, chats or notes.",
    progress: |done, all| format!("{done} of {all} steps are proved."),
    written: |integration, time| format!("For the integration {integration}, as of {time}."),
    place: "Where",
    columns: ["How", "Field", "Value"],
    mistake: "To correct",
    caution: "Careful",
    proof: "Proof",
    since: |time| format!("since {time}"),
    links_left_out: |count| {
        format!(
            "Personal links that wait for their person: {count}. None is on this page: each goes to its person alone."
        )
    },
    links: |shown, all| {
        format!(
            "Whoever has one of these personal links can authorize in that person's place. This page is only for those who may have all of them; to anybody else send no link but their own. Shown: {shown} of {all}."
        )
    },
    warnings: "Worth knowing",
};

static JAPANESE: Texts = Texts {
    title: |app| format!("Zoom での {app} の設定手順"),
    intro: "以下の手順を順番に行ってください。値は大文字と小文字、末尾のスラッシュも含め、一字一句そのままコピーしてください。各手順は、操作した時点ではなく、確認できた時点で完了となります。",
    secrets: "このページに機密情報は含まれていません。Zoom からコピーした値は、メール、チャット、メモなどに残さず、指定された Secret に直接入力してください。",
    progress: |done, all| format!("{all} 件の手順のうち {done} 件が確認済みです。"),
    written: |integration, time| format!("対象：{integration}（{time} 現在）"),
    place: "場所",
    columns: ["操作", "項目", "値"],
    mistake: "要修正",
    caution: "注意",
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
