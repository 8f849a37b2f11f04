//! Japanese.

use super::model::Words;
use crate::{
    api::v1alpha1::{AppKind, Environment},
    setup::{
        step::{Act, Caution, Evidence, Mistake, State, StepId},
        warning::Warning,
    },
};
use zoom::scopes::{self, Audience, Cover, Covered, events::Source, remedy};

pub(super) static WORDS: Words = Words {
    title,
    elsewhere,
    state: |state| match state {
        State::Done => "完了",
        State::Open => "未完了",
        State::Unknown => "未確認",
    },
    act: |act| match act {
        Act::Paste => "貼り付け",
        Act::Choose => "選択",
        Act::Tick => "チェック",
        Act::Copy => "コピー",
        Act::Open => "開く",
    },
    target: |kind, name, key| format!("保存先：{kind} {name} のキー {key}"),
    evidence,
    mistake,
    caution,
    warning,
    next: |title| format!("次の手順：{title}。"),
    nothing: |unseen| match unseen {
        [] => "残っている手順はありません。".into(),
        _ => format!(
            "確認できる手順はすべて完了しています。次の手順はご自身でご確認ください：{}。",
            unseen.join("、")
        ),
    },
    unproved: |titles| format!("まだ確認されていない手順：{}。", titles.join("、")),
    gap: "",
};

fn title(id: StepId, kind: AppKind) -> &'static str {
    match (id, kind) {
        (StepId::CreateApp, AppKind::General) => "General App を作成する",
        (StepId::CreateApp, AppKind::ServerToServer) => "Server-to-Server OAuth App を作成する",
        (StepId::CreateApp, AppKind::WebhookOnly) => "Webhook Only アプリを作成する",
        (StepId::Credentials, _) => "アプリの認証情報を Secret にコピーする",
        (StepId::Redirect, _) => "リダイレクト URL と許可リストを貼り付ける",
        (StepId::Chatbot, _) => "Team Chat を有効にし、ボットのエンドポイント URL を貼り付ける",
        (StepId::SecretToken, _) => "Secret Token を Secret にコピーする",
        (StepId::Events, _) => "イベントサブスクリプションとイベントを追加する",
        (StepId::Endpoint, _) => "エンドポイント URL を貼り付け、Validate、Save の順に押す",
        (StepId::Scopes, _) => "スコープにチェックを入れる",
        (StepId::Information, _) => "名称、説明文、リンクを入力する",
        (StepId::Deauthorization, _) => "認可取り消し通知のエンドポイント URL を貼り付ける",
        (StepId::TechnicalDesign, _) => "設計とセキュリティに関する質問に回答する",
        (StepId::BackEnd, _) => "自社のバックエンドに Client ID と Client Secret を入力する",
        (StepId::Activate, _) => "アプリを有効化する",
        (StepId::Approval, _) => "Zoom アカウントの管理者にアプリの承認を依頼する",
        (StepId::Install, _) => "インストール用のリンクを開き、アプリを許可する",
        (StepId::DomainValidation, _) => "アプリのドメインを Zoom に検証してもらう",
        (StepId::Submit, _) => "アプリを審査に提出する",
    }
}

fn elsewhere(id: StepId) -> Option<&'static str> {
    match id {
        StepId::BackEnd => Some("自社のバックエンド"),
        StepId::Approval => Some("Zoom App Marketplace（Zoom アカウントの管理者が操作）"),
        StepId::Install => Some("対象の Zoom ユーザーでサインインしたブラウザー"),
        _ => None,
    }
}

fn evidence(evidence: &Evidence) -> String {
    match evidence {
        Evidence::CredentialsAccepted => "Zoom が認証情報を受け付けること。".into(),
        Evidence::Consent => "アプリの許可が最後まで完了すること。".into(),
        Evidence::Validation => "Zoom からの署名付き URL 検証に応答できること。".into(),
        Evidence::Signature => "Zoom からの要求の署名がこの値と一致すること。".into(),
        Evidence::Events { declared, unseen } if unseen.is_empty() => {
            format!("宣言された {declared} 種類のイベントをすべて受信しました。")
        }
        Evidence::Events { declared, unseen } => format!(
            "宣言された {declared} 種類のイベントのうち {} 種類を受信しました。未受信：{}。",
            declared - unseen.len(),
            unseen.join("、")
        ),
        Evidence::TokenScopes => "Zoom のトークンにこれらのスコープが含まれること。".into(),
        Evidence::Token => "Zoom からトークンが発行されること。".into(),
        Evidence::Connections { connected, total } => {
            format!("{total} 件の接続のうち {connected} 件が完了しています。")
        }
        Evidence::FirstEvent => "署名付きの最初のイベントが届くこと。".into(),
        Evidence::Removal => "アプリが削除されたときに初めて確認できます。".into(),
        Evidence::None => "この手順の完了は自動では確認できません。".into(),
    }
}

fn mistake(mistake: &Mistake) -> String {
    match mistake {
        Mistake::NoSecret(secret) => format!("Secret {secret} が存在しません。"),
        Mistake::NoKey { secret, key } => format!("Secret {secret} にキー {key} がありません。"),
        Mistake::BadKey { secret, key } => format!(
            "Secret {secret} のキー {key} の値を使用できません。空か、文字列として読み取れないか、引用符や途中の空白を含むか、base64 で二重に変換されています。元の値をもう一度コピーしてください。"
        ),
        Mistake::SameValue { key, other } => format!(
            "キー {key} と {other} の値が同じです。同じ値が二度コピーされています。"
        ),
        Mistake::CredentialsRejected(Environment::Production) => {
            "Client ID と Client Secret の組が Zoom に拒否されました。両方を Production タブからコピーしてください。Development タブの値は本番用アプリには使えません。".into()
        }
        Mistake::CredentialsRejected(Environment::Development) => {
            "Client ID と Client Secret の組が Zoom に拒否されました。両方を Development タブからコピーしてください。".into()
        }
        Mistake::WrongAppKind(kind) => format!(
            "別の種類のアプリの認証情報です。{} を作成してください。",
            match kind {
                AppKind::General => "General App",
                AppKind::ServerToServer => "Server-to-Server OAuth App",
                AppKind::WebhookOnly => "Webhook Only アプリ",
            }
        ),
        Mistake::AccountOrActivation => {
            "アカウントが Zoom に拒否されました。アプリを有効化し、Zoom の Account ID と認証情報の Secret にある値を比べてください。".into()
        }
        Mistake::AppDisabled => {
            "アプリが Zoom で無効になっています。もう一度有効にしてください。".into()
        }
        Mistake::DisabledByAdmin => "Zoom アカウントの管理者がアプリを許可していません。".into(),
        Mistake::OwnerGone => {
            "所有者だった Zoom ユーザーが存在しません。Zoom でアプリを別のユーザーに移してください。".into()
        }
        Mistake::RedirectMismatch(url) => format!(
            "Zoom がエラー 4700 または 4709 を返しました。別のリダイレクト URL が貼り付けられているか、許可リストに含まれていません。リダイレクト URL は {url} と一字一句同じにし、許可リストにはこの手順の値を入力してください。"
        ),
        Mistake::OtherCallback { declared, callback } => format!(
            "spec.oauth.redirectUrl は {declared} ですが、実際のコールバックは {callback} です。修正するか削除してください。"
        ),
        Mistake::WrongSecretToken { secret, key } => format!(
            "署名が Secret {secret} のキー {key} と一致しない要求が届きました。アプリの Secret Token をもう一度コピーしてください。Client Secret や Verification Token ではありません。"
        ),
        Mistake::Stale(at) => format!(
            "最後の URL 検証（{at}）から 72 時間以上経過しています。6 回続けて失敗すると Zoom は送信を停止します。もう一度 Validate を押してください。"
        ),
        Mistake::Unreachable(why) => format!(
            "クラスター内からの接続確認で問題が見つかりました（詳細は英語）：{why} インターネットから接続できる場合は、そのまま Validate を押してください。"
        ),
        Mistake::ReceiverDown => {
            "受信プログラムの準備ができていません。Validate を押す前にお待ちください。".into()
        }
        Mistake::NoHost => {
            "エンドポイントの公開ホスト名がありません。spec.webhook.endpoint.host を設定してください。".into()
        }
        Mistake::HostWithheld => {
            "まだ何も貼り付けないでください。エンドポイントの公開ホスト名は、ほかの統合が使用しているか、ここでは許可されていません。詳しくは Ready 条件をご覧ください。".into()
        }
        Mistake::MissingScopes { scopes, kind } => format!(
            "許可されていないスコープ：{}。{}",
            ticks(scopes),
            match kind {
                AppKind::General => "チェックを入れてから、アプリをもう一度許可してください。トークンの更新だけでは追加されません。",
                AppKind::ServerToServer | AppKind::WebhookOnly => "チェックを入れてください。次のトークンから有効になります。",
            }
        ),
        Mistake::ClassicScopes(scopes) => format!(
            "従来のスコープ（classic）があるのは以前のアプリだけです：{}。Scopes ページにこれらの項目があれば追加してください。なければ、scopes.required で granular スコープの名前に置き換えてください。",
            ticks(scopes)
        ),
        Mistake::OtherNames(all) => all.iter().map(covered).collect(),
        Mistake::NoConnection => {
            "許可する人が登録されていません。利用者ごとに ZoomConnection を作成するか、セルフサービスを有効にしてください。".into()
        }
        Mistake::GrantLost(names) => {
            format!("許可が失われています。もう一度許可してください：{}。", names.join("、"))
        }
    }
}

fn covered(covered: &Covered) -> String {
    let scope = &covered.scope;
    match &covered.by {
        Cover::Classic(names) => format!(
            "{scope} は従来のスコープ（classic {}）として許可されています。その名前で宣言するか、Zoom でアプリを granular スコープに移行して、もう一度許可してください。",
            names.join("、")
        ),
        Cover::Granular { granted } => format!(
            "従来のスコープ {scope} は {granted} 個の granular スコープとして許可されています。必要なものをその名前で宣言してください。"
        ),
        Cover::NoSuchBox {
            granted, others, ..
        } => {
            let advice = format!(
                "{scope} は従来のスコープです。このアプリは granular スコープを使用するため、Scopes ページにこの項目はありません。scopes.required では必要な granular スコープの名前に置き換えてください。"
            );
            let lists = [("許可済み", granted), ("そのほかの候補", others)];
            let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
            let lists = lists.map(|(label, names)| format!("{label}：{}。", names.join("、")));
            [advice].into_iter().chain(lists).collect()
        }
    }
}

fn ticks(scopes: &[String]) -> String {
    let ticks: Vec<String> = scopes.iter().map(|scope| remedy::tick(scope)).collect();
    ticks.join("、")
}

fn caution(caution: Caution) -> &'static str {
    match caution {
        Caution::ChangeNow => {
            "Activation ページの「Change Now」は押さないでください。このアプリは非公開のまま使用します。一度押すと元に戻せません。"
        }
        Caution::AddInMarketplace => {
            "Marketplace の「Add App」は使わないでください。バックエンドに必要な state なしで始まってしまいます。インストール用のリンクまたはバックエンドから始めてください。"
        }
        Caution::VerificationToken => {
            "Secret Token をコピーしてください。隣の Verification Token は 2025 年 6 月以降使われていません。"
        }
        Caution::TwoPairs(Environment::Production) => {
            "認証情報は 2 組あります。このアプリには Production タブのものが必要です。"
        }
        Caution::TwoPairs(Environment::Development) => {
            "認証情報は 2 組あります。このアプリには Development タブのものが必要です。"
        }
        Caution::FailedValidation => {
            "「URL validation failed」と表示されたら、無視しないでください。検証が通らないとイベントは届きません。"
        }
        Caution::ValidationCode => {
            "Zoom が表示するコードを、アプリに登録したすべてのホストの /zoomverify/verifyzoom.html から Zoom が読み取り、照合します。Webhook のホストでは spec.app.domainValidation が指す ConfigMap に、同意ページのホストではオペレーターの管理者が chart の connect.domainValidation に、コードを設定してください。その他のホストはご自身で設定してください。"
        }
        Caution::NoEvents => {
            "Event Subscriptions はオフのままにしてください。イベントは宣言されていません。"
        }
    }
}

fn warning(warning: &Warning) -> String {
    match warning {
        Warning::LegacyVerificationToken(key) => format!(
            "キー {key} は Verification Token のようです。2025 年 6 月に廃止されているため、削除して Secret Token をコピーしてください。"
        ),
        Warning::HttpRedirect(url) => format!(
            "{url} は暗号化されておらず、通信経路上で許可が盗まれるおそれがあります。https を使用してください。"
        ),
        Warning::DevelopmentCredentials => {
            "本番用アプリの認証情報が Zoom に拒否されました。最も多い原因は、Development タブの値を使用していることです。".into()
        }
        Warning::DevelopmentOnly => {
            "Development の認証情報は開発者自身のアカウントのユーザーにしか使えませんが、このアプリは公開される予定です。別の ZoomIntegration で app.environment: Production を設定してください。".into()
        }
        Warning::PreviousSecretToken => {
            "Zoom はまだ以前の Secret Token で署名しています。それが終わるまで previous-webhook-secret-token を残してください。".into()
        }
        Warning::UndeclaredEvents(events) => format!(
            "webhook.subscriptions で宣言されていないイベントが Zoom から届いており、転送されていません: {}。宣言するか、Zoom で選択を外してください。",
            events.join(", ")
        ),
        Warning::Scopes(warning) => scope(warning),
        Warning::Button(button) => caution(*button).into(),
    }
}

fn scope(warning: &scopes::Warning) -> String {
    use scopes::Warning as W;
    match warning {
        W::Broad { scope, stands_for } => format!(
            "従来のスコープ {scope} は {stands_for} 個の granular スコープに相当します。新しいアプリでは、実際に使うものだけを宣言してください。"
        ),
        W::GrantsMore {
            scope,
            stands_for,
            declared,
        } => format!(
            "許可された従来のスコープ {scope} は {stands_for} 個の granular スコープに相当し、宣言されているのはそのうち {declared} 個だけです。Zoom でアプリを granular スコープに移行し、もう一度許可してください。"
        ),
        W::Mixed { classic, granular } => format!(
            "{classic} は従来のスコープ、{granular} は granular スコープです。一つのアプリで両方は使えません。アプリの Scopes ページに表示されるものを宣言してください。"
        ),
        W::WrongLevel { scope, audience } => match audience {
            Audience::User => format!(
                "{scope} は管理者が許可するアプリ用です。このアプリは各ユーザーが許可するため、使用できません。"
            ),
            Audience::Account => format!(
                "{scope} は各ユーザーが許可するアプリ用です。このアプリには {scope}:admin を使用してください。"
            ),
        },
        W::AppOwned(scope) => {
            format!(
                "{scope} は Zoom が自動的に付与するため、フォームでは指定できません。削除してください。"
            )
        }
        W::UnknownForm {
            scope,
            meant: Some(meant),
        } => format!("{scope} は Zoom のスコープの形式ではありません。{meant} ではありませんか。"),
        W::UnknownForm { scope, meant: None } => format!(
            "{scope} は Zoom のスコープの形式ではありません。アプリの Scopes ページから名前をコピーしてください。"
        ),
        W::EventNeeds(need) => match need.source {
            Source::Documented => format!(
                "イベント {} にはスコープ {} が必要です。宣言に追加してください。",
                need.event, need.scope
            ),
            Source::Observed => format!(
                "イベント {} を追加すると、Zoom はスコープ {} も自動的に追加するようです。宣言に追加してください。",
                need.event, need.scope
            ),
        },
    }
}
