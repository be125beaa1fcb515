//! Certificates.

use certctl_client::Query;
use certctl_wire::{Certificate, CertificateCreate, IssueAnswer, Why};

use crate::args::{CertVerb, Create, Renew};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files;
use crate::output::{self, Show, maybe, maybe_time, time};
use crate::session::Session;
use crate::wait::{self, Patience};

pub(crate) async fn run(session: &mut Session<'_>, verb: CertVerb) -> Result<Exit> {
    match verb {
        CertVerb::List(ask) => {
            let query = Query::new()
                .filter("status", ask.status)
                .filter("environment", ask.environment)
                .filter("owner_id", ask.owner)
                .filter("team_id", ask.team)
                .filter("issuer_id", ask.issuer)
                .filter("profile_id", ask.profile)
                .filter("agent_id", ask.agent)
                .filter("expires_before", ask.expires_before)
                .filter("expires_after", ask.expires_after)
                .sort(ask.sort);
            let client = session.client.clone();
            output::list(session, &ask.rows, query, |query| client.certificate_list(query)).await?;
        }
        CertVerb::Get { id } => {
            let certificate = session.client.certificate(&id).await?;
            output::one(session, &certificate);
        }
        CertVerb::Create(ask) => create(session, ask).await?,
        CertVerb::Renew(ask) => renew(session, ask).await?,
        CertVerb::Why { id } => {
            let why = session.client.certificate_why(&id).await?;
            show_why(session, &id, &why);
        }
    }
    Ok(Exit::Ok)
}

async fn create(session: &mut Session<'_>, ask: Create) -> Result<()> {
    if ask.waiting.wait && !ask.issue {
        return Err(Failure::usage("--wait has nothing to wait for").hint("add --issue"));
    }
    let team = ask.team.or_else(|| session.settings.default_team.clone());
    let team = team.ok_or_else(|| Failure::usage("--team is needed").hint("or set default_team in the context"))?;
    let csr_pem = ask.csr.map(|path| files::read_text(session.console, "--csr", &path)).transpose()?;
    let body = CertificateCreate {
        id: ask.id,
        name: ask.name.unwrap_or_else(|| ask.common_name.clone()),
        common_name: ask.common_name,
        sans: ask.san,
        environment: ask.environment.unwrap_or_default(),
        owner_id: ask.owner,
        team_id: team,
        issuer_id: ask.issuer,
        target_ids: ask.target,
        renewal_policy_id: ask.policy,
        certificate_profile_id: ask.profile,
        tags: ask.tag.into_iter().collect(),
        csr_pem,
    };
    if !ask.issue {
        let certificate = session.client.certificate_create(&body).await?;
        output::one(session, &certificate);
        session.say(&format!("not requested yet: certctl cert renew {}", certificate.id));
        return Ok(());
    }
    let answer = session.client.certificate_issue(&body).await?;
    if !ask.waiting.wait {
        show_issue(session, &answer);
        if answer.version.is_none() {
            session.say(&format!("job {} works on it: certctl cert why {}", answer.job_id, answer.certificate.id));
        }
        return Ok(());
    }
    let mut patience = Patience::new(ask.waiting.timeout);
    wait::job(session, &answer.job_id, &mut patience).await?;
    wait::deployments(session, &answer.certificate.id, &mut patience).await?;
    let answer = issued(session, answer).await?;
    show_issue(session, &answer);
    Ok(())
}

/// The same answer, as it reads now that the work is done.
async fn issued(session: &Session<'_>, answer: IssueAnswer) -> Result<IssueAnswer> {
    let certificate = session.client.certificate(&answer.certificate.id).await?;
    let version = match answer.version {
        Some(version) => Some(version),
        None => session
            .client
            .certificate_versions(&certificate.id, Query::new().per_page(1))
            .await?
            .data
            .into_iter()
            .next(),
    };
    Ok(IssueAnswer { certificate, version, job_id: answer.job_id })
}

fn show_issue(session: &mut Session<'_>, answer: &IssueAnswer) {
    let mut pairs = answer.certificate.pairs();
    if let Some(version) = &answer.version {
        pairs.push(("Version", version.id.clone()));
        pairs.push(("Serial", version.serial_number.clone()));
        pairs.push(("Fingerprint", version.fingerprint_sha256.clone()));
    }
    pairs.push(("Job", answer.job_id.clone()));
    output::one_as(session, answer, &answer.certificate.id, &pairs);
}

async fn renew(session: &mut Session<'_>, ask: Renew) -> Result<()> {
    if ask.csr.is_some() && ask.ids.len() > 1 {
        return Err(Failure::usage("--csr belongs to one certificate; renew them one by one"));
    }
    let csr_pem = ask.csr.map(|path| files::read_text(session.console, "--csr", &path)).transpose()?;
    let body = certctl_wire::Renew { force: ask.force.then_some(true), csr_pem };
    let mut patience = Patience::new(ask.waiting.timeout);
    let (mut failures, mut started) = (Vec::new(), Vec::new());
    for id in &ask.ids {
        match session.client.certificate_renew(id, &body).await {
            Err(error) => failures.push((id.clone(), Failure::from(error))),
            Ok(answer) => {
                let pairs = [("Certificate", id.clone()), ("Job", answer.job_id.clone())];
                output::one_as(session, &answer, &answer.job_id, &pairs);
                started.push((id.clone(), answer));
            }
        }
    }
    for (id, answer) in started.into_iter().filter(|_| ask.waiting.wait) {
        let jobs = if answer.job_ids.is_empty() { vec![answer.job_id] } else { answer.job_ids };
        if let Err(failure) = renewed(session, &id, &jobs, &mut patience).await {
            failures.push((id, failure));
        }
    }
    output::partial(failures, ask.ids.len())
}

async fn renewed(session: &mut Session<'_>, id: &str, jobs: &[String], patience: &mut Patience) -> Result<()> {
    for job in jobs {
        wait::job(session, job, patience).await?;
    }
    wait::deployments(session, id, patience).await
}

fn show_why(session: &mut Session<'_>, id: &str, why: &Why) {
    let mut pairs = vec![("Status", why.state.to_string()), ("Renewal", why.renewal_state.to_string())];
    for fact in &why.because {
        let job = fact.job_id.as_ref().map(|job| format!(" [{job}]")).unwrap_or_default();
        pairs.push(("Because", format!("{} (since {}){job}", fact.message, time(&fact.at))));
    }
    let at = why.next.at.as_ref().map(|at| format!(", at {}", time(at))).unwrap_or_default();
    pairs.push(("Next", format!("{} by {}{at}", why.next.action, why.next.who)));
    output::one_as(session, why, id, &pairs);
}

impl Show for Certificate {
    const COLUMNS: &'static [&'static str] = &["ID", "COMMON NAME", "STATUS", "RENEWAL", "EXPIRES", "ISSUER"];

    fn id(&self) -> &str {
        &self.id
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.common_name.clone(),
            self.status.to_string(),
            self.renewal_state.to_string(),
            time(&self.expires_at),
            self.issuer_id.clone(),
        ]
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let tags: Vec<_> = self.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        vec![
            ("Id", self.id.clone()),
            ("Name", self.name.clone()),
            ("Common name", self.common_name.clone()),
            ("Names", self.sans.join(", ")),
            ("Status", self.status.to_string()),
            ("Renewal", self.renewal_state.to_string()),
            ("Expires", time(&self.expires_at)),
            ("Renews", maybe_time(self.renew_at.as_ref())),
            ("Last renewed", maybe_time(self.last_renewal_at.as_ref())),
            ("Last deployed", maybe_time(self.last_deployment_at.as_ref())),
            ("Revoked", maybe_time(self.revoked_at.as_ref())),
            ("Revocation reason", maybe(self.revocation_reason.as_ref())),
            ("Issuer", self.issuer_id.clone()),
            ("Profile", maybe(self.certificate_profile_id.as_ref())),
            ("Policy", self.renewal_policy_id.clone()),
            ("Targets", self.target_ids.join(", ")),
            ("Owner", self.owner_id.clone()),
            ("Team", self.team_id.clone()),
            ("Environment", self.environment.clone()),
            ("Tags", tags.join(", ")),
            ("Created", time(&self.created_at)),
            ("Updated", time(&self.updated_at)),
            ("Revision", self.revision.to_string()),
        ]
    }
}
