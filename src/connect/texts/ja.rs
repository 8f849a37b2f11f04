//! Japanese.

use super::model::{ErrorWords, Message, Result, Start, Texts};
use crate::api::reason::Reason;
use zoom::scopes::name::Level;

use crate::connect::scopes::{Action, Meaning, Thing};

pub(super) static TEXTS: Texts = Texts {
    site: "Zoom 連携",
    name: "日本語",
    languages: "言語",
    again: "もう一度やり直す",
    reload: "もう一度試す",
    index: Message {
        title: "Zoom 連携",
        lines: &[
            "所属組織のアプリに、Zoom の利用を許可していただくためのサイトです。",
            "管理者から届いたリンクを開いてください。リンクがない場合、こちらでの操作は必要ありません。",
        ],
    },
    unknown: Message {
        title: "ページが見つかりません",
        lines: &[
            "リンクが途中で切れているか、新しいリンクに置き換えられた可能性があります。",
            "リンク全体がコピーされているかご確認いただくか、管理者に最新のリンクをお問い合わせください。",
        ],
    },
    method: Message {
        title: "この操作は行えません",
        lines: &["このページは閲覧専用です。お手数ですが、リンクをもう一度開いてください。"],
    },
    cross_site: Message {
        title: "このサイトから開始してください",
        lines: &[
            "別のウェブサイトからの要求だったため、処理を行いませんでした。",
            "管理者から届いたリンクを開き、そのページから手続きを進めてください。",
        ],
    },
    rate_limited: Message {
        title: "アクセスが集中しています",
        lines: &["これまでの操作は失われていません。数秒待ってから、もう一度お試しください。"],
    },
    unavailable: Message {
        title: "しばらくしてからもう一度お試しください",
        lines: &["現在サービスに接続できません。変更は何も行われていません。"],
    },
    unavailable_callback: Message {
        title: "しばらくしてからもう一度お試しください",
        lines: &[
            "Zoom での許可は完了していますが、その内容を保存できませんでした。",
            "許可は数分間有効です。下のボタンからもう一度お試しください。",
        ],
    },
    not_ready: Message {
        title: "このアプリはまだ準備ができていません",
        lines: &[
            "アプリが一時停止中か、設定が完了していないため、現在は接続できません。",
            "管理者にご確認のうえ、後ほどリンクをもう一度開いてください。",
        ],
    },
    full: Message {
        title: "これ以上接続できません",
        lines: &[
            "このリンクで接続できる上限数に達しています。",
            "上限の引き上げ、または個別のリンクの発行を管理者にご依頼ください。",
        ],
    },
    malformed: Message {
        title: "この応答は処理できません",
        lines: &[
            "Zoom から送られた形式のアドレスではないため、何も保存しませんでした。",
            "管理者から届いたリンクを開き、最初からやり直してください。",
        ],
    },
    not_carried: Message {
        title: "最初からやり直してください",
        lines: &[
            "リンクが別のブラウザーで開かれたか、有効期限が切れています。何も保存されていません。",
            "管理者から届いたリンクを開き、10 分以内に同じブラウザーですべての手順を行ってください。",
        ],
    },
    other_integration: Message {
        title: "別のアプリに対する応答です",
        lines: &[
            "Zoom からの応答が、手続きを始めたアプリのものではないため、何も保存しませんでした。",
            "管理者から届いたリンクを開き、最初からやり直してください。",
        ],
    },
    declined: Message {
        title: "許可されませんでした",
        lines: &[
            "何も保存されておらず、何も変更されていません。以前にアプリを許可している場合、その許可は引き続き有効です。",
            "許可される場合は、いつでも最初からやり直すことができます。",
        ],
    },
    marketplace: Message {
        title: "あと一つ手順があります",
        lines: &[
            "Zoom App Marketplace からアプリが追加されました。第三者が自分のアカウントをあなたの名義で接続することを防ぐため、接続はこのサイトから始めた場合にのみ行われます。まだ何も保存されていません。",
        ],
    },
    marketplace_here: "接続するには、こちらから開始してください。Zoom の確認画面がもう一度表示されます。",
    marketplace_link: "接続するには、管理者から届いたリンクを開いてください。",
    start: Start {
        title: |app| format!("{app} を Zoom に接続"),
        greeting: |name| format!("{name} 様"),
        intro: |app| {
            format!(
                "{app} が Zoom の利用許可を求めています。続ける前に、許可する内容をご確認ください。"
            )
        },
        app: "アプリ",
        tenant: "利用元",
        person: "対象のユーザー",
        scopes: "アプリに許可する内容",
        no_scopes: "許可する内容は Zoom の画面に表示されます。",
        next: "このあとの流れ",
        steps: &[
            "Zoom のサイトに移動し、そちらでサインインします。パスワードがこちらに伝わることはありません。",
            "許可する内容が Zoom に表示されます。許可するか、拒否するかを選択してください。",
            "このサイトに戻り、結果が表示されます。",
        ],
        undo: "許可を取り消すには",
        undo_how: "いつでも取り消せます。Zoom App Marketplace を開き、「管理」の「追加済みのアプリ」（Manage > Added Apps）からアプリを削除してください。",
        connected: "すでに接続されており、正常に動作しています。操作は必要ありません。",
        connected_as: |mail| {
            format!(
                "{mail} としてすでに接続されており、正常に動作しています。操作は必要ありません。"
            )
        },
        go: "Zoom に進む",
        go_again: "もう一度許可する",
    },
    result: Result {
        pending: Message {
            title: "まもなく完了します",
            lines: &[
                "許可を受け付けました。接続を設定しています。このページは自動的に更新されます。",
            ],
        },
        slow: Message {
            title: "通常より時間がかかっています",
            lines: &[
                "許可は受け付けられており、失われることはありません。接続の設定を続けています。",
                "このページは開いたままでも、閉じても構いません。後ほどになっても利用できない場合は、管理者にお問い合わせください。",
            ],
        },
        waiting: Message {
            title: "しばらくお待ちください",
            lines: &[
                "許可は受け付けられており、失われることはありません。現在、Zoom またはこのサービスの都合により接続を完了できません。自動的に再試行します。",
                "このページは閉じていただいて構いません。接続が完了すると、お手元のリンクのページに表示されます。最初からやり直す必要はありません。",
            ],
        },
        slow_self_service: Message {
            title: "通常より時間がかかっています",
            lines: &[
                "許可は受け付けられましたが、接続がまだ作成されていません。",
                "上限数または運用上の規則により保留されている可能性があります。管理者にお知らせください。",
            ],
        },
        connected: Message {
            title: "接続が完了しました",
            lines: &["設定はすべて完了しました。このウィンドウを閉じていただいて構いません。"],
        },
        belongs: |mail| format!("この接続は {mail} のものです。"),
        failed: "接続できませんでした",
        incomplete: "接続されましたが、権限が不足しています",
        reason,
        reported: "サービスからの報告：",
        gone: Message {
            title: "この接続は存在しません",
            lines: &["手続きの間に削除されました。管理者に新しいリンクをご依頼ください。"],
        },
        unknown: Message {
            title: "結果を表示できなくなりました",
            lines: &[
                "このページが別のブラウザーで開かれたか、結果を表示できる期限が過ぎています。",
                "管理者から届いたリンクを開いてください。接続されているかどうかが表示されます。",
            ],
        },
    },
    error: ErrorWords {
        title: "Zoom から問題が報告されました",
        named: |name| format!("Zoom のエラー名：{name}。何も保存されていません。"),
        later: "Zoom 側の問題です。数分後にもう一度お試しください。",
        administrator: "Zoom でのアプリの設定に修正が必要です。上記のエラー名を管理者にお知らせください。",
    },
    scope,
    optional: "任意",
};

fn reason(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::WrongSubject => {
            "このリンクの対象とは異なる Zoom ユーザーで許可されました。Zoom からサインアウトし、対象のユーザーでサインインしてから、もう一度やり直してください。"
        }
        Reason::SubjectAlreadyConnected => {
            "この Zoom ユーザーは、別の接続ですでに接続されています。どちらを使用するか、管理者にご確認ください。"
        }
        Reason::AccountAlreadyConnected => {
            "ご利用の Zoom アカウントは、別の接続ですでに接続されています。どちらを使用するか、管理者にご確認ください。"
        }
        Reason::ConsentOutdated => {
            "手続きの途中でアプリまたはリンクが変更されたため、接続しませんでした。もう一度やり直してください。"
        }
        Reason::ConsentUnreadable => {
            "Zoom からの応答を読み取れなくなったため、接続しませんでした。もう一度やり直してください。"
        }
        Reason::CodeExpired => {
            "Zoom からの応答の有効期限が切れていました。もう一度やり直してください。手続きは 1 分ほどで終わります。"
        }
        Reason::CodeRejected => {
            "許可の有効期限が切れたか、すでに使用されています。もう一度やり直してください。"
        }
        Reason::SubjectUnverifiable => {
            "許可したユーザーを Zoom で確認できなかったため、接続しませんでした。Zoom のプロフィールでメールアドレスを確認済みにするか、アプリの権限について管理者にご確認ください。"
        }
        Reason::CredentialsRejected => {
            "アプリの認証情報が Zoom に受け付けられませんでした。管理者による修正のあと、もう一度やり直してください。"
        }
        Reason::DisabledByAdmin => {
            "ご利用の Zoom アカウントの管理者が、このアプリを無効にしています。許可を依頼してから、もう一度やり直してください。"
        }
        Reason::AppDisabled => {
            "このアプリは Zoom で無効になっています。管理者がアプリを有効にしたあと、もう一度やり直してください。"
        }
        Reason::MissingScopes => {
            "接続されましたが、必要な権限の一部が許可されませんでした。もう一度やり直してすべての権限を許可するか、管理者にお問い合わせください。"
        }
        _ => return None,
    })
}

fn scope(meaning: &Meaning) -> String {
    let verb = |action: &Action| match action {
        Action::See => "表示",
        Action::Create => "作成",
        Action::Change => "変更",
        Action::Delete => "削除",
        Action::Manage => "作成、変更、削除",
    };
    let level = |level: &Level| match level {
        Level::User => "",
        Level::Admin => "（Zoom アカウントの全ユーザーが対象）",
        Level::Master => "（Zoom アカウントとサブアカウントの全ユーザーが対象）",
    };
    match meaning {
        Meaning::Named(action, object, whose) => {
            format!("{}の{}{}", thing(*object), verb(action), level(whose))
        }
        Meaning::Worded(action, object, product, whose) if product.is_empty() => {
            format!("{object} の{}{}", verb(action), level(whose))
        }
        Meaning::Worded(action, object, product, whose) => {
            format!("{object}（{product}）の{}{}", verb(action), level(whose))
        }
        Meaning::InMeeting => "Zoom ミーティング内での実行".into(),
        Meaning::Bot => "ボットとしてのチャットへの参加".into(),
        Meaning::Opaque => "Zoom の画面で説明される権限".into(),
    }
}

fn thing(thing: Thing) -> &'static str {
    match thing {
        Thing::Meetings => "ミーティング",
        Thing::Participants => "ミーティングの参加者",
        Thing::Registrants => "ミーティングの登録者",
        Thing::Summaries => "ミーティングの要約",
        Thing::Webinars => "ウェビナー",
        Thing::Profile => "ユーザープロフィール",
        Thing::Settings => "ユーザー設定",
        Thing::MailAddress => "メールアドレス",
        Thing::Recordings => "クラウドレコーディング",
        Thing::Transcripts => "レコーディングの文字起こし",
        Thing::Reports => "利用レポート",
        Thing::ChatMessages => "チャットメッセージ",
        Thing::ChatChannels => "チャットチャンネル",
        Thing::Contacts => "連絡先",
        Thing::Phone => "Zoom Phone のデータ",
        Thing::Calendars => "カレンダー",
        Thing::Account => "アカウント情報",
        Thing::Groups => "グループ",
        Thing::Roles => "ロール",
        Thing::Rooms => "Zoom Rooms",
        Thing::Whiteboards => "ホワイトボード",
        Thing::Dashboard => "ダッシュボードのデータ",
    }
}
