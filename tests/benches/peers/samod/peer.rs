//! samod as a peer of the harness, each side in a process of its own: `run` builds it in its copy of the
//! harness's crate for samod, whose own program joins three replicas in one process, so that no line can be
//! slow and no server can be killed.
//!
//!     samod_peer client FOLDER PORT ASK ANSWER
//!     samod_peer server FOLDER PORT ASK ANSWER
//!
//! All sales of the till are in one document, as in the harness's program. Its name lies beside the folders.

use automerge::transaction::{Transactable, Transaction};
use automerge::{Automerge, AutomergeError, ObjId, ObjType, ROOT, ReadDoc};
use samod::storage::TokioFilesystemStorage;
use samod::tokio_io::TcpDialer;
use samod::{BackoffConfig, DialerHandle, DocHandle, Repo, Transport};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;

struct Peer {
    repo: Repo,
    port: u16,
    /// Where the name of the document is.
    name: PathBuf,
    document: Option<DocHandle>,
    line: Option<DialerHandle>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [role, folder, port, ask, answer] = arguments.as_slice() else {
        return println!("a peer for tests/benches/peers/run, which starts it");
    };
    let (folder, port) = (Path::new(folder), port.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let storage = TokioFilesystemStorage::new(folder.join("automerge"));
    let repo = runtime.block_on(async { Repo::build_tokio().with_storage(storage).load().await });
    if role == "server" {
        let acceptor = repo.make_acceptor("tcp://server".parse().unwrap()).unwrap();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", port))).unwrap();
        runtime.spawn(async move {
            while let Ok((line, _)) = listener.accept().await {
                acceptor.accept(Transport::from_tokio_io(line)).unwrap();
            }
        });
    }
    let name = folder.parent().unwrap().join("document");
    let mut peer = Peer { repo, port, name, document: None, line: None };
    let asks = BufReader::new(File::open(ask).unwrap());
    let mut answers = File::options().write(true).open(answer).unwrap();
    for line in asks.lines() {
        let ask: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let said = runtime.block_on(peer.asked(&ask));
        answers.write_all(format!("{said}\n").as_bytes()).unwrap();
    }
}

impl Peer {
    async fn asked(&mut self, ask: &Value) -> Value {
        match ask["cmd"].as_str().unwrap() {
            "write" => self.write(&ask["sale"]).await,
            "push" => {
                self.dial().await;
                let (document, line) = (self.document.as_ref(), self.line.as_ref().unwrap());
                if let Some(document) = document {
                    document.they_have_our_changes(line.connection_id().unwrap()).await;
                }
            }
            "pull" => {
                self.dial().await;
                self.find().await;
                let (document, line) = (self.document.as_ref(), self.line.as_ref().unwrap());
                if let Some(document) = document {
                    document.we_have_their_changes(line.connection_id().unwrap()).await;
                }
            }
            "hangUp" => self.line.take().unwrap().close(),
            "count" => {
                self.find().await;
                let held = |document: &DocHandle| document.with_document(|read| read.length(sales(read)));
                return json!(self.document.as_ref().map_or(0, held));
            }
            "edit" => ask["ids"].as_array().unwrap().iter().for_each(|id| self.edit(id, &ask["patch"])),
            "get" => return ask["ids"].as_array().unwrap().iter().map(|id| self.shown(id)).collect(),
            "close" => self.repo.stop().await,
            other => panic!("nobody asks for {other}"),
        }
        json!("done")
    }

    async fn dial(&mut self) {
        let to = Arc::new(TcpDialer::new_host_port("127.0.0.1".to_owned(), self.port));
        let line = self.repo.dial(BackoffConfig::default(), to).unwrap();
        line.established().await.unwrap();
        self.line = Some(line);
    }

    async fn find(&mut self) {
        if let (None, Ok(name)) = (&self.document, std::fs::read_to_string(&self.name)) {
            self.document = self.repo.find(name.parse().unwrap()).await.unwrap();
        }
    }

    async fn write(&mut self, sale: &Value) {
        if self.document.is_none() {
            let mut empty = Automerge::new();
            empty.transact(|new| new.put_object(ROOT, "sales", ObjType::Map)).unwrap();
            let document = self.repo.create(empty).await.unwrap();
            std::fs::write(&self.name, document.document_id().to_string()).unwrap();
            self.document = Some(document);
        }
        self.document.as_ref().unwrap().with_document(|open| {
            let sales = sales(open);
            open.transact(|new| put(new, &sales, sale)).unwrap();
        });
    }

    fn edit(&self, id: &Value, patch: &Value) {
        self.document.as_ref().unwrap().with_document(|open| {
            let sale = open.get(sales(open), id.as_str().unwrap()).unwrap().unwrap().1;
            let patch = patch.as_object().unwrap();
            let change = |new: &mut Transaction| {
                patch.iter().try_for_each(|(key, value)| new.put(&sale, key, value.as_str().unwrap()))
            };
            open.transact::<_, _, AutomergeError>(change).unwrap();
        });
    }

    /// What the harness compares of a sale, and how many values its status has.
    fn shown(&self, id: &Value) -> Value {
        self.document.as_ref().unwrap().with_document(|read| {
            let sale = read.get(sales(read), id.as_str().unwrap()).unwrap().unwrap().1;
            let text = |key| read.get(&sale, key).unwrap().unwrap().0.into_string().unwrap();
            let statuses = read.get_all(&sale, "status").unwrap().len();
            json!({ "id": id, "status": text("status"), "method": text("method"), "statuses": statuses })
        })
    }
}

fn sales(document: &Automerge) -> ObjId {
    document.get(ROOT, "sales").unwrap().unwrap().1
}

fn put(new: &mut Transaction, sales: &ObjId, sale: &Value) -> Result<(), AutomergeError> {
    let kept = new.put_object(sales, sale["id"].as_str().unwrap(), ObjType::Map)?;
    let lines = new.put_object(&kept, "lines", ObjType::List)?;
    for (place, line) in sale["lines"].as_array().unwrap().iter().enumerate() {
        let kept = new.insert_object(&lines, place, ObjType::Map)?;
        new.put(&kept, "p", line["p"].as_str().unwrap())?;
        ["q", "u"].iter().try_for_each(|key| new.put(&kept, *key, line[key].as_i64().unwrap()))?;
    }
    ["ts", "total"].iter().try_for_each(|key| new.put(&kept, *key, sale[key].as_i64().unwrap()))?;
    let texts = ["shop", "till", "method", "status"];
    texts.iter().try_for_each(|key| new.put(&kept, *key, sale[key].as_str().unwrap()))
}
