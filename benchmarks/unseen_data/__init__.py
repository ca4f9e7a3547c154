"""What is a judge worth on data that it never saw, as it is and after `fit`?"""
