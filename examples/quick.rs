#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]
use tieout::day::close::*;
struct P(std::sync::Mutex<std::time::Instant>);
impl Progress for P { fn stage(&self, n:&'static str,_:u64){ let mut t=self.0.lock().unwrap(); eprintln!("[{:.3}] -> {n}", t.elapsed().as_secs_f64()); *t=std::time::Instant::now(); } fn advance(&self,_:u64){} }
fn main(){ let a:Vec<String>=std::env::args().collect();
 let n: usize = a.get(3).map_or(2,|s|s.parse().unwrap());
 rayon::ThreadPoolBuilder::new().num_threads(n).build_global().unwrap();
 let p=P(std::sync::Mutex::new(std::time::Instant::now()));
 let r=close(&CloseOptions{root:a[1].clone().into(),date:tieout::terms::date::Date::parse(a[2].as_bytes()).unwrap(),dry_run:false,what_if:None},&p);
 p.stage("end",0);
 match r { Ok(o)=>{ println!("{}",o.summary_text); for n in o.notes{println!("note: {n}")} println!("exit {}",o.exit_code)}, Err(s)=>{println!("{s}\nexit {}",s.code as u8)} } }
