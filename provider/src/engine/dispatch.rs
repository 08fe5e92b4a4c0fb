//! From a call to the function that it names.

use super::Engine;
use super::connect::{Attempt, Source};
use super::mr::Mr;
use super::post::{Post, Posted};
use super::qp::QpWanted;
use super::srq::SrqWanted;
use crate::backend::Backend;
use crate::ndk::{Answer, Call, CallKind, CallSite, Out, Return, Status};

/// What a function returned: its result, or the status of its failure.
pub(super) type Returned = Result<Return, Status>;

const DONE: Return = Return::status(Status::SUCCESS);

/// A call that went to the wrong one of the functions below, which would be a mistake in `dispatch`.
fn misled(call: &Call<'_>) -> Returned {
    unreachable!("{} is dispatched elsewhere", call.kind().name())
}

impl<B: Backend> Engine<B> {
    pub(super) fn dispatch(&mut self, host: &mut B::Host, site: &CallSite, call: Call<'_>) -> Answer {
        let kind = call.kind();
        let without_completion = call.completion().is_some_and(|completion| completion.callback.is_none());
        let returned = match call {
            Call::CloseAdapter { adapter } => return self.close_adapter(host, adapter),
            Call::Close { object, completion } => Ok(self.close_object(host, site, object, completion)),
            _ if without_completion && kind != CallKind::BuildLam => Err(Status::INVALID_PARAMETER),
            call if kind.creates().is_some() => self.create_call(host, site, call),
            call if kind.is_asynchronous_request() => self.request_call(host, site, call),
            call if kind.is_post() => self.post_call(host, call),
            call => self.immediate_call(host, call),
        };
        Answer::Returned(returned.unwrap_or_else(Return::status))
    }

    fn create_call(&mut self, host: &mut B::Host, site: &CallSite, call: Call<'_>) -> Returned {
        match call {
            Call::CreateCq { adapter, depth, notification, affinity, completion } => {
                self.create_cq(host, site, adapter, completion, (depth, notification, affinity))
            }
            Call::CreatePd { adapter, completion } => self.create_pd(host, site, adapter, completion),
            Call::CreateSharedEndpoint { adapter, address, completion } => {
                self.create_shared_endpoint(host, site, adapter, address, completion)
            }
            Call::CreateConnector { adapter, completion } => self.create_connector(host, site, adapter, completion),
            Call::CreateListener { adapter, connect_event, completion } => {
                self.create_listener(host, site, adapter, connect_event, completion)
            }
            Call::CreateMr { pd, fast_register, completion } => {
                self.create_mr(host, site, pd, fast_register, completion)
            }
            Call::CreateMw { pd, completion } => self.create_mw(host, site, pd, completion),
            Call::CreateSrq { pd, depth, max_receive_sge, notify_threshold, notification, affinity, completion } => {
                let wanted = SrqWanted { depth, max_receive_sge, notify_threshold, notification, affinity };
                self.create_srq(host, site, pd, wanted, completion)
            }
            call => self.create_qp_call(host, site, call),
        }
    }

    fn create_qp_call(&mut self, host: &mut B::Host, site: &CallSite, call: Call<'_>) -> Returned {
        let (wanted, completion) = match call {
            Call::CreateQp {
                pd,
                receive_cq,
                initiator_cq,
                qp_context: context,
                receive_depth,
                initiator_depth,
                max_receive_sge,
                max_initiator_sge,
                inline_data_bytes,
                completion,
            } => {
                let receive = Some((receive_depth, max_receive_sge));
                let send = (initiator_depth, max_initiator_sge, inline_data_bytes);
                (QpWanted { pd, receive_cq, initiator_cq, srq: None, context, receive, send }, completion)
            }
            Call::CreateQpWithSrq {
                pd,
                receive_cq,
                initiator_cq,
                srq,
                qp_context: context,
                initiator_depth,
                max_initiator_sge,
                inline_data_bytes,
                completion,
            } => {
                let send = (initiator_depth, max_initiator_sge, inline_data_bytes);
                (QpWanted { pd, receive_cq, initiator_cq, srq: Some(srq), context, receive: None, send }, completion)
            }
            call => return misled(&call),
        };
        self.create_qp(host, site, wanted, completion)
    }

    fn request_call(&mut self, host: &mut B::Host, site: &CallSite, call: Call<'_>) -> Returned {
        match call {
            Call::BuildLam { adapter, mdl, length_bytes, lam_bytes, completion } => {
                self.build_lam(host, site, adapter, (mdl, length_bytes, lam_bytes), completion)
            }
            Call::ResizeCq { cq, depth, completion } => self.resize_cq(host, site, cq, depth, completion),
            Call::RegisterMr { mr, mdl, length_bytes, flags, completion } => {
                self.register_mr(host, site, mr, (mdl, length_bytes, flags), completion)
            }
            Call::DeregisterMr { mr, completion } => self.deregister_mr(host, site, mr, completion),
            Call::InitializeFastRegisterMr { mr, adapter_page_count, remote_access, completion } => {
                self.initialise_fast_register(host, site, mr, (adapter_page_count, remote_access), completion)
            }
            Call::ModifySrq { srq, depth, notify_threshold, completion } => {
                self.modify_srq(host, site, srq, (depth, notify_threshold), completion)
            }
            Call::Connect { connector, source, destination, params, completion } => {
                let attempt = Attempt { connector, from: Source::Address(source), destination, params };
                self.connect(host, site, attempt, completion)
            }
            Call::ConnectWithSharedEndpoint { connector, endpoint, destination, params, completion } => {
                let attempt = Attempt { connector, from: Source::SharedEndpoint(endpoint), destination, params };
                self.connect(host, site, attempt, completion)
            }
            Call::CompleteConnect { connector, disconnect_event, completion } => {
                self.complete_connect(host, site, connector, disconnect_event, completion)
            }
            Call::Accept { connector, params, disconnect_event, completion } => {
                self.accept(host, site, connector, (params, disconnect_event), completion)
            }
            Call::Disconnect { connector, completion } => self.disconnect(host, site, connector, completion),
            Call::Listen { listener, address, completion } => self.listen(host, site, listener, address, completion),
            call => misled(&call),
        }
    }

    fn post_call(&mut self, host: &mut B::Host, call: Call<'_>) -> Returned {
        let (qp, context, flags, post) = match call {
            Call::SrqReceive { srq, context, sgl } => return self.srq_receive(host, srq, context, sgl).map(|()| DONE),
            Call::Receive { qp, context, sgl } => return self.receive(host, qp, context, sgl).map(|()| DONE),
            Call::Send { qp, context, sgl, flags } => (qp, context, flags, Post::Send { sgl, invalidate: None }),
            Call::SendAndInvalidate { qp, context, sgl, flags, remote_token } => {
                (qp, context, flags, Post::Send { sgl, invalidate: Some(remote_token) })
            }
            Call::Bind { qp, context, mr, mw, virtual_address, length_bytes, flags } => {
                (qp, context, flags, Post::Bind { mr, mw, address: virtual_address, length_bytes })
            }
            Call::FastRegister {
                qp,
                context,
                mr,
                adapter_pages: pages,
                first_byte_offset,
                length_bytes,
                base_virtual_address: base_address,
                flags,
            } => {
                let post = Post::FastRegister { mr, pages, first_byte_offset, length_bytes, base_address };
                (qp, context, flags, post)
            }
            Call::Invalidate { qp, context, target, flags } => (qp, context, flags, Post::Invalidate { target }),
            Call::Read { qp, context, sgl, remote_address, remote_token, flags } => {
                (qp, context, flags, Post::Read { sgl, remote_address, key: remote_token })
            }
            Call::Write { qp, context, sgl, remote_address, remote_token, flags } => {
                (qp, context, flags, Post::Write { sgl, remote_address, key: remote_token })
            }
            Call::Atomic { qp, context, sgl, remote_address, remote_token, operation, flags } => {
                (qp, context, flags, Post::Atomic { sgl, remote_address, key: remote_token, operation })
            }
            call => return misled(&call),
        };
        self.post(host, qp, Posted { context, flags }, &post).map(|()| DONE)
    }

    fn immediate_call(&mut self, host: &mut B::Host, call: Call<'_>) -> Returned {
        match call {
            Call::OpenAdapter { version } => return self.open_adapter(host, version),
            Call::QueryExtension { object, interface, version } => {
                return self.query_extension(object, interface, version);
            }
            Call::QueryAdapterInfo { adapter, buffer_bytes } => return self.query_adapter_info(adapter, buffer_bytes),
            Call::ControlCqInterruptModeration { cq, interval_us, count } => {
                self.moderate_cq(host, cq, interval_us, count)?;
            }
            Call::Reject { connector, private_data } => self.reject(host, connector, private_data)?,
            Call::GetConnectionData { connector, buffer_bytes } => {
                return self.connection_data(connector, buffer_bytes);
            }
            Call::GetLocalAddress { object, buffer_bytes } => return self.local_address(object, buffer_bytes),
            Call::GetPeerAddress { connector, buffer_bytes } => return self.peer_address(connector, buffer_bytes),
            call => return Ok(self.unfailing_call(host, call)),
        }
        Ok(DONE)
    }

    /// Functions that return nothing, a token or a count: where the object is no object, nothing, none or zero.
    fn unfailing_call(&mut self, host: &mut B::Host, call: Call<'_>) -> Return {
        let out = match call {
            Call::GetPrivilegedToken { pd } => Out::Token(self.privileged_token(pd)),
            Call::GetRemoteTokenFromMr { mr } => Out::Token(self.mr_token(mr, Mr::remote_token)),
            Call::GetLocalTokenFromMr { mr } => Out::Token(self.mr_token(mr, Mr::local_token)),
            Call::GetRemoteTokenFromMw { mw } => Out::Token(self.mw_token(mw)),
            Call::GetCqResults { cq, results } => Out::Count(self.get_results(host, cq, results, |result| result.base)),
            Call::GetCqResultsEx { cq, results } => Out::Count(self.get_extended_results(host, cq, results)),
            call => {
                match call {
                    Call::ReleaseLam { adapter, lam } => self.release_lam(host, adapter, lam),
                    Call::ArmCq { cq, notify } => self.arm_cq(host, cq, notify),
                    Call::Flush { qp } => self.flush(host, qp),
                    Call::ControlConnectEvents { listener, pause } => {
                        self.control_connect_events(host, listener, pause);
                    }
                    call => drop(misled(&call)),
                }
                Out::Untouched
            }
        };
        Return::with(out)
    }
}
