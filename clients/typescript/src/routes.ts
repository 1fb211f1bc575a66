// Generated from openapi.yaml by `npm run generate`.

/** Method, path and proof of each operation. */
export const ROUTES = {
  register: ["POST","/api/auth/register","open"],
  login: ["POST","/api/auth/login","open"],
  refresh: ["POST","/api/auth/refresh","open"],
  logout: ["POST","/api/auth/logout","open"],
  me: ["GET","/api/auth/me","bearer"],
  changeName: ["PATCH","/api/auth/me","bearer"],
  sessions: ["GET","/api/auth/sessions","bearer"],
  endSession: ["DELETE","/api/auth/sessions/{id}","bearer"],
  sendWelcomeEmail: ["POST","/api/auth/send-welcome-email","bearer"],
  sendVerificationEmail: ["POST","/api/auth/email/verification","bearer"],
  verifyEmail: ["POST","/api/auth/email/verify","bearer"],
  changeEmail: ["POST","/api/auth/email/change","bearer"],
  confirmEmail: ["POST","/api/auth/email/confirm","bearer"],
  forgotPassword: ["POST","/api/auth/password/forgot","open"],
  resetPassword: ["POST","/api/auth/password/reset","open"],
  changePassword: ["POST","/api/auth/password/change","bearer"],
  exportAccount: ["POST","/api/auth/account/export","bearer"],
  deleteAccount: ["POST","/api/auth/account/delete","bearer"],
  jwks: ["GET","/.well-known/jwks.json","open"],
  openidConfiguration: ["GET","/.well-known/openid-configuration","open"],
  health: ["GET","/health","open"],
} as const;
